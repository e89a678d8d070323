// Builds the section of one run; returns functions that show a step and zoom to the slots read.
function buildRun(run) {
  const box = element(byId("runs"), "section", run.heads ? "run with-memory" : "run");
  const heading = element(box, "h2", "", run.title);
  element(heading, "span", run.correct === false ? "failed" : "", run.verdict);
  const strips = element(box, "div");
  const phases = phaseNames(strips);
  channels(strips, "input", run.x, run.xNames, null, null);
  if (run.target) channels(strips, "target", run.target, run.yNames, null, null);
  channels(strips, "output", run.y, run.yNames, run.asked, run.right);
  wrongOutputs(strips, run);
  const memory = run.heads && buildMemory(box, strips, run.heads);
  timeAxis(strips);
  return {
    zoom: on => memory && memory.zoom(on),
    show: t => {
      const now = page.phases.filter(([, first]) => first <= t).length - 1;
      phases.forEach((span, i) => span.classList.toggle("now", i === now));
      if (memory) memory.show(t);
    },
  };
}

// Navigation: the current step, the timer of the playback, and the pending update of the address.
let now = 0, timer = null, addressUpdate = null;

function showStep(t) {
  now = Math.max(0, Math.min(page.steps - 1, t));
  document.documentElement.style.setProperty("--t", now);
  byId("slider").value = now;
  const phase = page.phases.filter(([, first]) => first <= now).pop()[0];
  byId("now").replaceChildren("step ", Object.assign(document.createElement("b"), {textContent: now}), ` of ${page.steps - 1}, ${phase}`);
  runs.forEach(run => run.show(now));
  // The step is written to the address for links; not during playback, because browsers limit the rate.
  clearTimeout(addressUpdate);
  addressUpdate = setTimeout(() => { if (timer === null) history.replaceState(null, "", `#t=${now}${byId("zoom").checked ? "" : "&all"}`); }, 250);
}

function pause() {
  clearInterval(timer);
  timer = null;
  byId("play").textContent = "▶";
}

function play() {
  if (now === page.steps - 1) showStep(0);
  clearInterval(timer);
  timer = setInterval(() => { if (now === page.steps - 1) { pause(); showStep(now); } else showStep(now + 1); }, 1000 / Number(byId("speed").value));
  byId("play").textContent = "❚❚";
}

function zoom(on) {
  byId("zoom").checked = on;
  runs.forEach(run => run.zoom(on));
  showStep(now);
}

function fromAddress() {
  pause();
  const asked = new URLSearchParams(location.hash.slice(1));
  zoom(!asked.has("all"));
  showStep(Number.parseInt(asked.get("t"), 10) || 0);
}

const toggle = () => timer === null ? play() : pause();
const keys = {
  ArrowRight: far => showStep(now + far), ArrowLeft: far => showStep(now - far), Home: () => showStep(0), End: () => showStep(page.steps - 1),
  " ": toggle, z: () => zoom(!byId("zoom").checked),
};

document.addEventListener("keydown", event => {
  const usedByControl = event.target.tagName === "SELECT" || (event.key === " " && ["BUTTON", "INPUT"].includes(event.target.tagName) && event.target.id !== "slider");
  if (!(event.key in keys) || usedByControl || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  if (event.key !== " " && event.key !== "z") pause();
  keys[event.key](event.shiftKey ? 10 : 1);
});
byId("play").addEventListener("click", toggle);
byId("slider").max = page.steps - 1;
byId("slider").addEventListener("input", event => { pause(); showStep(Number(event.target.value)); });
byId("zoom").addEventListener("change", event => zoom(event.target.checked));
byId("speed").addEventListener("change", () => { if (timer !== null) play(); });
for (const speed of page.speeds) element(byId("speed"), "option", "", speed).selected = speed === page.fps;
document.documentElement.style.setProperty("--steps", page.steps);
const longest = Math.max(...page.runs.flatMap(run => [...run.xNames, ...run.yNames]).map(name => name.length), 5);
document.documentElement.style.setProperty("--gutter", `min(${60 + 6 * longest}px, 32vw)`);
legend(byId("legend"), "0", "1 weight, bit, probability", share => fromMap(colours, share));
byId("runs").className = page.runs.length === 2 ? "two" : "one";
document.querySelectorAll(".zoom").forEach(one => { one.hidden = !page.runs.some(run => run.heads); });
const runs = page.runs.map(buildRun);
window.addEventListener("hashchange", fromAddress);
fromAddress();
