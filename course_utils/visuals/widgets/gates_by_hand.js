// One LSTM unit whose gates are set by hand at each step; cell and output are computed at each move.
const GATE_NAMES = ["Forget gate f", "Input gate i", "Output gate o"];
const HABITS = { Keep: [1, 0], Forget: [0, 0], Overwrite: [0, 1], Add: [1, 1] }; // f and i
const CLOSE = 0.05; // an output this near to its target will do

// Cells c<t> = f c<t-1> + i g<t> and outputs h<t> = o tanh(c<t>), from a cell of zero.
function runUnit(candidates, gates) {
  const cells = [], outputs = [];
  let c = 0;
  candidates.forEach((g, t) => {
    const [f, i, o] = gates[t];
    cells.push((c = f * c + i * g));
    outputs.push(o * Math.tanh(c));
  });
  return { cells, outputs };
}

function renderGatesByHand({ model, el }) {
  el.classList.add("course-widget", "course-gates");
  const data = model.get("data");
  const candidates = [...floats(data.candidates)], target = data.target && [...floats(data.target)];
  const steps = candidates.length, letters = Object.keys(PALETTE.gates);
  let gates = model.get("gates").map((row) => [...row]);
  const now = () => Number(choose.input.value) - 1;

  const task = element("p", { class: "figures", role: "status" });
  const scroll = element("div", { class: "scroll" });
  const choose = slider({ label: "Step t", min: 1, max: steps, value: model.get("step"), said: (t) => `${t} of ${steps}`,
    oninput: () => (moveSliders(), draw()), onchange: (t) => tell(model, "step", t) });
  const sliders = GATE_NAMES.map((label, k) => slider({ label, min: 0, max: 1, step: 0.05, value: gates[0][k],
    said: (value) => value.toFixed(2), oninput: (value) => ((gates[now()][k] = value), draw()), onchange: save }));
  const button = (name, act) => keepKeys(element("button", { type: "button", onclick: act }, name));
  const habits = Object.entries(HABITS).map(([name, [f, i]]) => button(name, () => set([now()], [f, i, gates[now()][2]])));
  const all = button("These gates at all steps", () => set(candidates.keys(), gates[now()]));
  const reset = button("Start again", () => ((gates = data.gates.map((row) => [...row])), set([], [])));
  const readout = element("p", { class: "figures", "aria-live": "polite" });
  el.append(scroll, task, choose.row, ...sliders.map((one) => one.row),
    element("div", { class: "course-row" }, ...habits, all, reset), readout);

  function save() {
    tell(model, "gates", gates.map((row) => [...row]));
  }
  function set(where, values) {
    for (const t of where) gates[t] = [...values];
    moveSliders();
    draw();
    save();
  }
  function moveSliders() {
    sliders.forEach((one, k) => one.move(gates[now()][k]));
  }

  // A row of bars up and down from zero, `reach` being the value at the row's edge.
  function bars(place, top, tall, values, reach, fill) {
    const zero = top + tall / 2;
    const group = svg("g", {}, svg("line", { x1: place.left, x2: place.width, y1: zero, y2: zero, stroke: place.colours.line }));
    values.forEach((value, t) => {
      const high = (Math.min(Math.abs(value), reach) / reach) * (tall / 2 - 10);
      group.append(
        svg("rect", { x: place.middle(t) - place.bar, y: value < 0 ? zero : zero - high, width: 2 * place.bar, height: Math.max(high, 1), fill, rx: 1 }),
        svg("text", { x: place.middle(t), y: value < 0 ? zero + high + 11 : zero - high - 3, "text-anchor": "middle",
          "font-size": place.column < 44 ? 9 : 11, fill: place.colours.ink }, figure(value)));
    });
    return group;
  }

  function openings(place, top, tall) {
    const group = svg("g", {}, svg("line", { x1: place.left, x2: place.width, y1: top + tall, y2: top + tall, stroke: place.colours.line }));
    gates.forEach((row, t) => row.forEach((open, k) => {
      const wide = Math.min(13, place.column / 4.2), x = place.middle(t) + (k - 1) * (wide + 2) - wide / 2, high = open * (tall - 14);
      group.append(
        svg("rect", { x, y: top + 2, width: wide, height: tall - 14, fill: "none", stroke: place.colours.line }),
        svg("rect", { x, y: top + 2 + tall - 14 - high, width: wide, height: high, fill: PALETTE.gates[letters[k]] }),
        svg("text", { x: x + wide / 2, y: top + tall - 2, "text-anchor": "middle", "font-size": 10, fill: place.colours.soft }, letters[k]));
    }));
    return group;
  }

  function draw() {
    const colours = theme(el), { cells, outputs } = runUnit(candidates, gates), t = now();
    const width = Math.max(el.clientWidth - 30, 90 + 34 * steps), left = width < 560 ? 66 : 96;
    const column = (width - left - 4) / steps;
    const place = { colours, width, left, column, bar: Math.min(13, column * 0.28), middle: (k) => left + (k + 0.5) * column };
    const height = 318, reach = Math.max(1, ...cells.map(Math.abs));
    const strong = colours.dark ? "#2FC69A" : PALETTE.models.LSTM;
    const drawing = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img" },
      svg("rect", { x: left + t * column, y: 0, width: column, height, fill: colours.accent, opacity: 0.12, class: "now" }),
      bars(place, 2, 68, candidates, 1, colours.dark ? "#9FB8CF" : PALETTE.models.signal),
      openings(place, 78, 66),
      bars(place, 150, 74, cells, reach, strong),
      bars(place, 226, 74, outputs, 1, strong));
    if (target) target.forEach((value, k) => drawing.append(svg("line", { x1: left + k * column + 2, x2: left + (k + 1) * column - 2,
      y1: 263 - value * 27, y2: 263 - value * 27, stroke: colours.ink, "stroke-width": 2, "stroke-dasharray": "5 3", class: "target" })));
    for (const [y, name, note] of [[36, "candidate", "g"], [110, "gates", "f, i, o"], [187, "cell", "c"], [263, "output", "h"]])
      drawing.append(svg("text", { x: 0, y, "font-size": 12, fill: colours.ink }, name),
        svg("text", { x: 0, y: y + 14, "font-size": 12, "font-style": "italic", fill: colours.soft }, note));
    candidates.forEach((_, k) => drawing.append(svg("text", { x: place.middle(k), y: height - 5, "text-anchor": "middle", "font-size": 11,
      "font-weight": k === t ? 700 : 400, fill: k === t ? colours.ink : colours.soft }, String(k + 1))));
    drawing.addEventListener("click", (event) => {
      const k = Math.floor((event.offsetX - left) / column);
      if (k >= 0 && k < steps) (choose.move(k + 1), moveSliders(), draw(), tell(model, "step", k + 1));
    });
    scroll.replaceChildren(drawing);
    say(drawing, t, cells, outputs);
    drawn(el);
  }

  function say(drawing, t, cells, outputs) {
    const [f, i, o] = gates[t].map(figure), before = figure(t ? cells[t - 1] : 0);
    readout.textContent = `Step ${t + 1}: c = f · c + i · g = ${f} · ${before} + ${i} · ${figure(candidates[t])} = ${figure(cells[t])}, `
      + `and h = o · tanh(c) = ${o} · ${figure(Math.tanh(cells[t]))} = ${figure(outputs[t])}.`;
    drawing.setAttribute("aria-label", `Cell after each step: ${cells.map(figure).join(", ")}. Output: ${outputs.map(figure).join(", ")}.`);
    if (!target) return;
    const far = Math.max(...target.map((value, k) => Math.abs(value - outputs[k])));
    task.textContent = far < CLOSE ? "✓ The output follows the dashed line."
      : `The output should follow the dashed line; it is ${far.toFixed(2)} off where it is worst.`;
  }

  const stopListening = listen(model, {
    gates() {
      const sent = model.get("gates");
      if (JSON.stringify(sent) === JSON.stringify(gates)) return;
      gates = sent.map((row) => [...row]);
      moveSliders();
      draw();
    },
    step() {
      if (model.get("step") === now() + 1) return;
      choose.move(model.get("step"));
      moveSliders();
      draw();
    },
  });
  const stopWatching = watch(el, draw);
  moveSliders();
  draw();
  return () => (stopListening(), stopWatching());
}
