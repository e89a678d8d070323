"use strict";
// Strips over time: input, target, output and wrong bits, drawn once, with a marker at the current step.
// A canvas has one pixel a number and is scaled by CSS; markers are placed by CSS with the variable --t.

const page = JSON.parse(document.getElementById("data").textContent);
const bytes = text => Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
const colours = bytes(page.colours), memoryColours = bytes(page.memoryColours);
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

function fromMap(map, share, opacity = 1) {
  const i = 3 * Math.round(255 * Math.min(1, Math.max(0, share)));
  return [map[i], map[i + 1], map[i + 2], 255 * opacity];
}

const signed = (value, bound) => fromMap(memoryColours, 0.5 + value / (2 * bound));
const number = value => (Math.abs(value) < 1e-3 && value ? value.toExponential(1) : value.toFixed(2)).replace("-", "−");

// Labels `names` from top to bottom, as many as fit into `height` pixels.
function ticks(parent, names, height, emphasised = null) {
  const every = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].find(n => names.length / n * 11 <= height) || names.length;
  names.forEach((name, row) => {
    const labelled = /^\d+$/.test(name) ? Number(name) % every === 0 || every === 1 : true;
    if (!labelled && name !== emphasised) return;
    const tick = element(parent, "span", name === emphasised ? "tick right" : "tick", name);
    tick.style.top = percent((row + 0.5) / names.length);
  });
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

// Draws channels over time, the first on top: as colours from 0 to 1, or as a line if there is only one.
function channels(parent, title, packed, names, asked, right) {
  const values = unpack(packed), [steps, rows] = values.shape;
  const height = rows === 1 ? 80 : Math.max(60, Math.min(11 * rows, 220));
  const [label, plot] = strip(parent, title, height);
  if (rows === 1) {
    const line = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    line.setAttribute("viewBox", `0 -0.06 ${steps} 1.12`);
    line.setAttribute("preserveAspectRatio", "none");
    const points = Array.from({length: steps}, (_, t) => `${t + 0.5},${1 - values.level(t) / 255}`).join(" ");
    line.innerHTML = `<polyline points="${points}" fill="none" stroke="#333" stroke-width="1.5" vector-effect="non-scaling-stroke"/>`;
    plot.appendChild(line);
    [[values.high, 0.06], [values.low, 0.94]].forEach(([value, at]) => {
      element(label, "span", "tick", number(value)).style.top = percent(at);
    });
  } else {
    paint(element(plot, "canvas"), steps, rows, (t, row) =>
      fromMap(colours, values.at(t * rows + row), asked && !asked[t] ? page.faded : 1));
    ticks(label, names, height, right === null ? null : String(right));
    const outside = [];
    for (let i = 0; i < steps * rows; i++) if (values.at(i) < -0.01 || values.at(i) > 1.01) outside.push(i);
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

function wrongBits(parent, run) {
  if (!run.wrong) return;
  const [label, plot] = strip(parent, "wrong", 22), most = run.yNames.length;
  element(label, "span", "tick", `${most} bits`).style.top = "8%";
  paint(element(plot, "canvas"), page.steps, most, (t, row) => [179, 38, 30, most - row <= run.wrong[t] ? 255 : 0]);
  tooltip(plot, page.steps, 1, t => `step ${t}: ${run.wrong[t]} wrong`);
  overTime(plot);
}

function timeAxis(parent) {
  const [label, plot] = strip(parent, "", 0, "axis");
  element(label, "span", "tick", "step").style.top = "5px";
  const every = [1, 2, 5, 10, 20, 50, 100, 200].find(n => page.steps / n <= 13) || 500;
  for (let t = 0; t < page.steps; t += every) element(plot, "span", "tick", t).style.left = percent((t + 0.5) / page.steps);
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
