// The memory at the current step, and the weighting of every head at that step and over time.

// Builds the memory panel; returns functions that show a step and zoom to the slots read.
function buildMemory(box, strips, packed) {
  const heads = {...packed, weights: unpack(packed.weights), memory: unpack(packed.memory)};
  const [, slots, width] = heads.memory.shape, count = heads.names.length;
  const all = Array.from({length: slots}, (_, i) => i), read = heads.readSlots;
  let shown = all, step = 0;

  const overSteps = heads.names.map((name, h) => {
    const height = Math.floor(Math.max(70, Math.min(128, (page.runs.length === 2 ? 200 : 256) / count)));
    const [label, plot] = strip(strips, name, height);
    label.firstChild.style.color = heads.colours[h];
    const canvas = element(plot, "canvas");
    tooltip(plot, page.steps, 1000, (t, row) => {
      const slot = shown[shown.length - 1 - Math.floor(row * shown.length / 1000)];
      return `step ${t}, slot ${slot}: ${number(heads.weights.at((t * count + h) * slots + slot))}`;
    });
    overTime(plot);
    return {label, canvas, height};
  });

  const area = element(box, "div", count > 3 ? "memory many" : "memory"), most = page.runs.length === 2 ? 400 : 512;
  const bodyHeight = `max(300px, min(${most}px, 100vh - 330px))`;
  area.style.gridTemplateColumns = `56px minmax(80px, 2fr) repeat(${count}, minmax(0, 1fr))`;
  element(area, "div");
  element(area, "div", "title", "memory");
  heads.names.forEach((name, h) => { element(area, "div", "title head", name).style.color = heads.colours[h]; });
  const axis = element(area, "div", "slots"), cells = element(area, "div", "cells");
  cells.style.height = bodyHeight;
  const memory = element(cells, "canvas");
  tooltip(cells, width, 1000, (column, row) => {
    const slot = shown[shown.length - 1 - Math.floor(row * shown.length / 1000)];
    return `slot ${slot}, number ${column + 1}: ${number(heads.memory.at((step * slots + slot) * width + column))}`;
  });
  const bars = heads.names.map(() => {
    const bar = element(area, "div", "bars");
    return {canvas: element(bar, "canvas"), place: element(bar, "div", "place")};
  });
  element(area, "div");
  element(area, "div", "ends").style.justifyContent = "center";
  area.lastChild.textContent = `word of ${width} numbers`;
  heads.names.forEach(() => {
    const ends = element(area, "div", "ends");
    element(ends, "span", "", "0");
    element(ends, "span", "weight", "weight");
    element(ends, "span", "", "1");
  });
  const words = Object.entries(heads.words).map(([name, one]) => {
    element(area, "div", "wordname", name);
    const canvas = element(element(area, "div", "word"), "canvas");
    element(area, "div").style.gridColumn = "3 / -1";
    return {name, canvas, values: unpack(one)};
  });
  element(area, "div");
  const bar = element(area, "div", "legend");
  bar.style.gridColumn = "2 / -1";
  legend(bar, number(-heads.bound), number(heads.bound), share => fromMap(signedColours, share));
  element(bar, "span", "", "memory, read, added");

  const table = element(element(area, "div", "numbers"), "table"), top = element(table, "tr");
  element(top, "th");
  for (const name of Object.keys(heads.numbers)) element(top, "th", "", name);
  const rows = heads.names.map((name, h) => {
    const row = element(table, "tr");
    element(row, "td", "", name).style.color = heads.colours[h];
    return Object.keys(heads.numbers).map(() => element(row, "td"));
  });

  function zoom(on) {
    shown = on ? read : all;
    const names = shown.map(String).reverse();
    overSteps.forEach(({label, canvas, height}, h) => {
      label.querySelectorAll(".tick").forEach(tick => tick.remove());
      ticks(label, names, 90);
      const weight = (t, row) => heads.weights.at((t * count + h) * slots + shown[shown.length - 1 - row]);
      paintValues(canvas, page.steps, shown.length, height, weight, value => fromMap(colours, value));
    });
    axis.replaceChildren();
    element(axis, "b", "", "slot");
    ticks(axis, names, 220);
    show(step);
  }

  function show(t) {
    step = t;
    const last = shown.length - 1;
    paint(memory, width, shown.length, (column, row) =>
      signed(heads.memory.at((t * slots + shown[last - row]) * width + column), heads.bound));
    bars.forEach(({canvas, place}, h) => {
      const [red, green, blue] = [1, 3, 5].map(i => parseInt(heads.colours[h].slice(i, i + 2), 16));
      const weight = row => heads.weights.at((t * count + h) * slots + shown[last - row]);
      paint(canvas, 100, shown.length, (column, row) => [red, green, blue, column < 100 * weight(row) ? 255 : 0]);
      const along = (heads.numbers.position[t][h] - shown[0] + slots + 0.5) % slots;
      place.hidden = along > shown.length;
      place.style.bottom = percent(along / shown.length);
    });
    for (const {name, canvas, values} of words)
      paint(canvas, width, 1, column => name.startsWith("erased")
        ? fromMap(colours, values.at(t * width + column)) : signed(values.at(t * width + column), heads.bound));
    Object.values(heads.numbers).forEach((values, i) => rows.forEach((row, h) => { row[i].textContent = number(values[t][h]); }));
  }
  return {zoom, show};
}
