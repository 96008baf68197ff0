"""Check that every internal link of the built site leads somewhere.

    python docs/check_links.py docs/_build/html

Fails if a page links to a file, or to a place in a page, that is not there.
"""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class _Page(HTMLParser):
    """Links of a page, and the places in it that can be linked to."""

    def __init__(self, path):
        super().__init__()
        self.links, self.places = [], {""}
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.links.append(value)
            elif name in ("id", "name") and value:
                self.places.add(value)


def broken_links(root):
    """Pairs of page and link within the site that lead nowhere, and all pages."""
    paths = (path for path in root.rglob("*.html") if "_static" not in path.parts)
    pages = {path.resolve(): _Page(path) for path in paths}
    found = [
        (path, link)
        for path, page in pages.items()
        for link in page.links
        if not _leads_somewhere(path, urlsplit(link), pages)
    ]
    return found, pages


def _leads_somewhere(path, link, pages):
    if link.scheme or link.netloc:
        return True  # not ours
    target = (path.parent / unquote(link.path)).resolve() if link.path else path
    if target in pages:
        return unquote(link.fragment) in pages[target].places
    return target.is_file()


if __name__ == "__main__":
    broken, pages = broken_links(Path(sys.argv[1]))
    for path, link in broken:
        print(f"{path}: {link}")
    print(f"{len(pages)} pages, {len(broken)} broken links")
    raise SystemExit(bool(broken) or not pages)
