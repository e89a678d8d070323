"""Settings of matplotlib that would change every figure that they apply to."""

import matplotlib

#: Lines of a matplotlibrc. With the first one, drawing fails without LaTeX.
LINES = """\
text.usetex: True
axes.formatter.use_locale: True
axes.grid: True
axes.prop_cycle: cycler('color', ['r', 'k'])
axes.titlesize: 40
figure.autolayout: True
figure.facecolor: yellow
font.family: fantasy
font.size: 3
image.cmap: gray
image.interpolation: bicubic
image.origin: lower
lines.linewidth: 9
path.sketch: 9, 9, 9
savefig.bbox: tight
savefig.dpi: 30
savefig.facecolor: green
savefig.format: pdf
savefig.transparent: True
xtick.labelsize: 30
ytick.direction: inout
"""


def hostile(tmp_path):
    """A context with the settings of a hostile matplotlibrc."""
    path = tmp_path / "matplotlibrc"
    path.write_text(LINES, encoding="utf-8")
    return matplotlib.rc_context(fname=path)
