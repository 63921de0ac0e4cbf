"use strict";
// The script of the page: it signs in, shows one view from server-sent events, and sends the requests of buttons.
//
// The token is in the session storage of this tab, and is sent in a header. A browser would send a cookie with the
// requests of any page, and to every other program that listens on this machine, since cookies do not depend on ports.

const byId = (id) => document.getElementById(id);
const [ask, view, pages, state, sure] = ["ask", "view", "pages", "state", "sure"].map(byId);
let following = new AbortController();

const token = () => sessionStorage.getItem("token");
const request = (path, options = {}) =>
  fetch(path, { ...options, headers: { Authorization: `apikey ${token()}` }, cache: "no-store", redirect: "error" });

// Change one element into another, and touch only what differs, so that focus and scrolling stay where they are.
function morph(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  if (old.nodeName !== fresh.nodeName || old.nodeType !== Node.ELEMENT_NODE || old.dataset.key !== fresh.dataset.key) {
    old.replaceWith(fresh);
    return;
  }
  for (const name of old.getAttributeNames())
    if (!fresh.hasAttribute(name) && !(old.tagName === "DETAILS" && name === "open")) old.removeAttribute(name);
  for (const name of fresh.getAttributeNames())
    if (old.getAttribute(name) !== fresh.getAttribute(name)) old.setAttribute(name, fresh.getAttribute(name));
  morphChildren(old, [...fresh.childNodes]);
}

function morphChildren(parent, wanted) {
  const staying = new Set(wanted.map((fresh) => fresh.dataset?.key));
  const keyed = new Map();
  for (const child of [...parent.children].filter((each) => each.dataset.key)) {
    // Removed first, so that the other elements need not be moved: an element that is moved loses the focus.
    if (staying.has(child.dataset.key)) keyed.set(child.dataset.key, child);
    else child.remove();
  }
  wanted.forEach((fresh, index) => {
    const place = parent.childNodes[index] ?? null;
    const old = keyed.get(fresh.dataset?.key);
    if (old && old !== place) parent.insertBefore(old, place);
    if (!old && (place === null || fresh.dataset?.key || place.dataset?.key)) parent.insertBefore(fresh, place);
    else morph(old ?? place, fresh);
  });
  while (parent.childNodes.length > wanted.length) parent.lastChild.remove();
}

const show = (html) =>
  morphChildren(view, [...new DOMParser().parseFromString(html, "text/html").body.childNodes]);

function say(words) {
  if (state.textContent !== words) state.textContent = words;
}

function askForToken(why = "") {
  following.abort();
  sessionStorage.removeItem("token");
  view.replaceChildren();
  pages.hidden = true;
  ask.hidden = false;
  byId("refused").textContent = why;
  say("");
  byId("token").focus();
}

async function reason(reply) {
  try {
    return (await reply.json()).errors[0].message;
  } catch {
    return `The service answered ${reply.status}.`;
  }
}

// Read a stream of events. Each event is the whole view as HTML.
async function read(reply) {
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    const events = text.split("\n\n");
    text = events.pop();
    for (const event of events) {
      const lines = event.split("\n").filter((line) => line.startsWith("data: "));
      if (lines.length) show(lines.map((line) => line.slice(6)).join("\n"));
    }
  }
}

// Show the view that the address names. When the stream ends, connect again after a pause.
async function follow() {
  following.abort();
  if (!token()) return askForToken();
  if (document.hidden) return;
  const mine = (following = new AbortController());
  // No segment that consists of dots, encoded or not: in a path it would name the parent folder.
  const path = /^#\/((?:jobs|devices)(?:\/(?!(?:\.|%2e)+$)[^/?#]+)?)$/i.exec(location.hash)?.[1] ?? "jobs";
  for (const link of pages.querySelectorAll("a"))
    link.toggleAttribute("aria-current", path.startsWith(link.hash.slice(2)));
  ask.hidden = true;
  for (let pause = 500; !mine.signal.aborted; pause = Math.min(2 * pause, 10000)) {
    try {
      const reply = await request(`/page/live/${path}`, { signal: mine.signal });
      if (reply.status === 401) return askForToken("The service does not know this token.");
      pages.hidden = false;
      if (reply.status === 404) {
        const [title, lost] = ["h1", "p"].map((name) => document.createElement(name));
        title.textContent = "Not found";
        lost.textContent = await reason(reply);
        say("");
        return view.replaceChildren(title, lost);
      }
      if (reply.ok) {
        say("Live");
        pause = 500;
        await read(reply);
      }
    } catch (error) {
      if (mine.signal.aborted) return;
    }
    say("Not connected; trying again");
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

async function act({ method, path }) {
  try {
    const reply = await request(path, { method });
    if (reply.status === 401) return askForToken("The service does not know this token.");
    if (!reply.ok) return say(await reason(reply));
    if (method === "DELETE") location.hash = "#/jobs";
  } catch {
    say("The service cannot be reached.");
  }
}

view.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-path]");
  if (!button) return;
  // A copy: if the job ends while the question is open, "cancel" becomes "delete" on this same button.
  const asked = { ...button.dataset };
  byId("question").textContent = asked.question;
  byId("yes").onclick = () => {
    sure.close();
    act(asked);
  };
  sure.showModal();
});
byId("no").addEventListener("click", () => sure.close());
byId("forget").addEventListener("click", () => askForToken());
byId("skip").addEventListener("click", (event) => {
  event.preventDefault();
  view.focus();
});
ask.addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem("token", byId("token").value.trim());
  byId("token").value = "";
  byId("refused").textContent = "";
  follow();
});

// A token in the address is saved, and removed from the address bar and the history.
function arrive() {
  if (location.hash.startsWith("#token=")) {
    let given = location.hash.slice(7);
    try {
      given = decodeURIComponent(given);
    } catch {
      // Not valid percent-encoding, for example a token that was copied by hand: it is used unchanged.
    }
    sessionStorage.setItem("token", given);
    history.replaceState(null, "", "/#/jobs");
  }
  view.replaceChildren();
  window.scrollTo(0, 0);
  follow();
}
window.addEventListener("hashchange", arrive);
document.addEventListener("visibilitychange", () => (document.hidden ? following.abort() : follow()));
arrive();
