"""Give the package the addresses of its project.

The environment variable ``PROJECT_REPOSITORY`` names the repository; the release workflow sets it. A build without it
has no addresses.
"""

import os
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


class AddressesOfProject(MetadataHookInterface):
    """Derives the project's URLs from that of its repository."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set ``urls`` in the metadata."""
        repository = os.environ.get("PROJECT_REPOSITORY", "").rstrip("/")
        pages = {
            "Repository": "",
            "Documentation": "/blob/main/docs/index.md",
            "Changelog": "/blob/main/CHANGELOG.md",
            "Issues": "/issues",
        }
        metadata["urls"] = {name: repository + path for name, path in pages.items()} if repository else {}
