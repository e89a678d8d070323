"""Links from the pages to files of the repository, which work on a forge, made to work on the site.

Reports open as pages of the site, texts such as CONTRIBUTING.md get a page each, and conf/ is the page of all
settings.
"""

import re
import shutil
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
#: Texts at the top of the repository that are pages of the site.
TEXTS = ("ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")
REPORT = re.compile(r"\[([^]]+)\]\(\.\./outputs/published/(\w+)/index\.html\)")


def on_site(text):
    """A page with its links to the repository replaced by links within the site.

    >>> on_site("[runs](../outputs/published/sigma_map/index.html), [rules](../CONTRIBUTING.md)")
    '<a href="published/sigma_map/index.html">runs</a>, [rules](generated/contributing.md)'
    """
    text = REPORT.sub(r'<a href="published/\2/index.html">\1</a>', text)
    for name in TEXTS:
        text = text.replace(f"](../{name}", f"](generated/{name.lower()}")
    return text.replace("](../conf/)", "](generated/configuration.md)")


def write_texts(_app):
    folder = DOCS / "generated"
    folder.mkdir(exist_ok=True)
    for name in TEXTS:
        text = (ROOT / name).read_text(encoding="utf-8")
        text = text.replace("](docs/", "](../").replace("](README.md", "](../index.md")
        (folder / name.lower()).write_text(text, encoding="utf-8")


def read(_app, _page, source):
    source[0] = on_site(source[0])


def copy_reports(app, exception):
    if exception is None and app.builder.format == "html":
        for page in sorted((ROOT / "outputs" / "published").glob("*/index.html")):
            shutil.copytree(page.parent, Path(app.outdir) / "published" / page.parent.name, dirs_exist_ok=True)


def setup(app):
    app.connect("builder-inited", write_texts)
    app.connect("source-read", read)
    app.connect("build-finished", copy_reports)
