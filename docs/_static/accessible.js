"use strict";
// What the theme leaves out for readers with a keyboard or a screen reader.

for (const [selector, name, value] of [
  [".caption[role=heading]", "aria-level", "2"],
  [".sidebar-drawer", "aria-label", "Pages"],
  [".toc-drawer", "aria-label", "This page"],
])
  for (const element of document.querySelectorAll(selector)) element.setAttribute(name, value);

// A block that scrolls sideways is reached with Tab, and the arrow keys scroll it.
const widths = new ResizeObserver((entries) => {
  for (const { target } of entries)
    if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
    else target.removeAttribute("tabindex");
});
for (const block of document.querySelectorAll("article pre, .table-wrapper")) widths.observe(block);
