"use strict";
// Strips over time: input, target, output and wrong outputs, drawn once, with a marker at the current step.
// A canvas has one pixel a number and is scaled by CSS; markers are placed by CSS with the variable --t.

const page = JSON.parse(document.getElementById("data").textContent);
const bytes = text => Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
const colours = bytes(page.colours), signedColours = bytes(page.signedColours);
const byId = id => document.getElementById(id);
const percent = share => `${100 * share}%`;

function element(parent, tag, className = "", text = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return parent.appendChild(made);
}

// Decodes a quantised array: at(index) is the value, level(index) the byte.
function unpack(packed) {
  const data = bytes(packed.data), unit = (packed.high - packed.low) / 255;
  return {...packed, level: i => data[i], at: i => packed.low + unit * data[i]};
}

// Paints one pixel for each column and row; colour(column, row) is [red, green, blue, opacity].
function paint(canvas, columns, rows, colour) {
  canvas.width = columns;
  canvas.height = rows;
  const context = canvas.getContext("2d"), image = context.createImageData(columns, rows);
  for (let row = 0, p = 0; row < rows; row++)
    for (let column = 0; column < columns; column++, p += 4) image.data.set(colour(column, row), p);
  context.putImageData(image, 0, 0);
}

// Paints values of more rows than pixels, too: a pixel shows the value furthest from 0 of the rows that share it.
function paintValues(canvas, columns, rows, height, value, colour) {
  const blocks = Math.min(rows, height), first = block => Math.floor(block * rows / blocks);
  paint(canvas, columns, blocks, (column, block) => {
    let shown = 0;
    for (let row = first(block); row < first(block + 1); row++) {
      const one = value(column, row);
      if (Math.abs(one) > Math.abs(shown)) shown = one;
    }
    return colour(shown, column);
  });
}

function fromMap(map, share, opacity = 1) {
  const i = 3 * Math.round(255 * Math.min(1, Math.max(0, share)));
  return [map[i], map[i + 1], map[i + 2], 255 * opacity];
}

const signed = (value, bound, opacity = 1) => fromMap(signedColours, 0.5 + value / (2 * bound), opacity);
const number = value => value === null ? "" : (Math.abs(value) < 1e-3 && value ? value.toExponential(1) : value.toFixed(2)).replace("-", "−");

// Labels rows from top to bottom, as many as fit into `height` pixels: the emphasised one, words, 0, round numbers.
function ticks(parent, names, height, emphasised = null) {
  const line = 11 * names.length / height, every = [1, 2, 5, 10, 20, 50, 100, 200, 500].find(n => n >= line) || 1000;
  const isNumber = name => /^\d+$/.test(name), rows = names.map((_, row) => row), labelled = [];
  const kinds = [name => name === emphasised, name => !isNumber(name), name => name === "0", name => isNumber(name) && name % every === 0];
  for (const kind of kinds) for (const row of rows.filter(row => kind(names[row])))
    if (labelled.every(other => Math.abs(other - row) >= line)) labelled.push(row);
  for (const row of labelled) {
    const tick = element(parent, "span", names[row] === emphasised ? "tick right" : "tick", names[row]);
    tick.style.top = percent((row + 0.5) / names.length);
  }
}

// Adds a row with a label and a plot over time; returns both.
function strip(parent, title, height, className = "") {
  const row = element(parent, "div", `strip ${className}`);
  const label = element(row, "div", "label"), plot = element(row, "div", "plot");
  if (title) element(label, "b", "", title);
  if (height) plot.style.height = `${height}px`;
  return [label, plot];
}

// Adds phase boundaries and the marker to a plot, and seeks on clicks and drags.
function overTime(plot) {
  for (const [, first] of page.phases.slice(1)) element(plot, "div", "begin").style.left = percent(first / page.steps);
  element(plot, "div", "marker");
  const seek = event => {
    const box = plot.getBoundingClientRect();
    showStep(Math.floor((event.clientX - box.left) / box.width * page.steps));
  };
  plot.addEventListener("pointerdown", event => { plot.setPointerCapture(event.pointerId); pause(); seek(event); });
  plot.addEventListener("pointermove", event => { if (event.buttons) seek(event); });
}

// Shows text(column, row) as a tooltip under the mouse.
function tooltip(box, columns, rows, text) {
  box.addEventListener("mousemove", event => {
    const area = box.getBoundingClientRect();
    const column = Math.floor((event.clientX - area.left) / area.width * columns);
    const row = Math.floor((event.clientY - area.top) / area.height * rows);
    if (column >= 0 && column < columns && row >= 0 && row < rows) box.title = text(column, row);
  });
}

// Draws channels over time, the first on top: as colours, or as a line if there is only one. Signed ones have a bound.
function channels(parent, title, packed, names, asked, right) {
  const values = unpack(packed), [steps, rows] = values.shape;
  const height = rows === 1 ? 80 : Math.max(60, Math.min(11 * rows, 220));
  const [label, plot] = strip(parent, title, height);
  if (rows === 1) {
    const line = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    line.setAttribute("viewBox", `0 -0.06 ${steps} 1.12`);
    line.setAttribute("preserveAspectRatio", "none");
    const points = Array.from({length: steps}, (_, t) => `${t + 0.5},${1 - values.level(t) / 255}`).join(" ");
    const zero = 1 + values.low / ((values.high - values.low) || 1);
    const axis = values.low < 0 && values.high > 0 ? `<line class="zero" x1="0" x2="${steps}" y1="${zero}" y2="${zero}" stroke="#b9c0c8" vector-effect="non-scaling-stroke"/>` : "";
    line.innerHTML = `${axis}<polyline points="${points}" fill="none" stroke="#333" stroke-width="1.5" vector-effect="non-scaling-stroke"/>`;
    plot.appendChild(line);
    [[values.high, 0.06], [values.low, 0.94]].forEach(([value, at]) => {
      element(label, "span", "tick", number(value)).style.top = percent(at);
    });
  } else {
    const bound = values.bound;
    if (bound) element(label.firstChild, "small", "", `±${number(bound)}`);
    paintValues(element(plot, "canvas"), steps, rows, height, (t, row) => values.at(t * rows + row), (value, t) => {
      const opacity = asked && !asked[t] ? page.faded : 1;
      return bound ? signed(value, bound, opacity) : fromMap(colours, value, opacity);
    });
    ticks(label, names, height, right === null ? null : String(right));
    const outside = [];
    if (!bound) for (let i = 0; i < steps * rows; i++) if (values.at(i) < -0.01 || values.at(i) > 1.01) outside.push(i);
    // Up to four values outside the colour scale, such as the number of repeats, are written as text.
    if (outside.length <= 4) for (const i of outside) {
      const note = element(plot, "span", "note", number(values.at(i)));
      note.style.left = percent((Math.floor(i / rows) + 1) / steps);
      note.style.top = percent((i % rows + 0.5) / rows);
    }
  }
  tooltip(plot, steps, rows, (t, row) => `step ${t}, ${title} ${names[row]}: ${number(values.at(t * rows + row))}`);
  overTime(plot);
}

function wrongOutputs(parent, run) {
  if (!run.wrong) return;
  const [label, plot] = strip(parent, "wrong", 22), most = run.mostWrong, rows = Math.min(most, 22);
  if (most > 1) element(label, "span", "tick", `${most} bits`).style.top = "8%";
  paint(element(plot, "canvas"), page.steps, rows, (t, row) => [179, 38, 30, rows - row <= Math.ceil(run.wrong[t] * rows / most) ? 255 : 0]);
  tooltip(plot, page.steps, 1, t => `step ${t}: ${run.wrong[t]} wrong`);
  overTime(plot);
}

function timeAxis(parent) {
  const [label, plot] = strip(parent, "", 0, "axis");
  element(label, "span", "tick", "step").style.top = "5px";
  new ResizeObserver(() => {
    const every = [1, 2, 5, 10, 20, 50, 100, 200].find(n => page.steps / n <= plot.clientWidth / 36) || 500;
    plot.replaceChildren();
    for (let t = 0; t < page.steps; t += every) element(plot, "span", "tick", t).style.left = percent((t + 0.5) / page.steps);
  }).observe(plot);
}

// The first phase may be short: its name is right-aligned to its end, so that names do not overlap.
function phaseNames(parent) {
  const [, plot] = strip(parent, "", 0, "phases");
  return page.phases.map(([name, first], i) => {
    const span = element(plot, "span", "", name);
    if (i === 0 && page.phases.length > 1) {
      span.style.right = percent(1 - page.phases[1][1] / page.steps);
      span.style.marginRight = "5px";
    } else span.style.left = percent(first / page.steps);
    if (i > 0) span.style.marginLeft = "5px";
    return span;
  });
}

function legend(parent, low, high, colour) {
  element(parent, "span", "", low);
  paint(element(parent, "canvas"), 128, 1, column => colour(column / 127));
  element(parent, "span", "", high);
}
