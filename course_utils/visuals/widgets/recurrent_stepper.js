// Step along a sentence: one-hot input, old state, new state, output, in the shape of the unrolled network.
const ROWS = { bar: 66, gapAbove: 30, gapBelow: 30, oneHot: 64, index: 16, word: 20 };

// What Python sent, with the numbers unpacked.
function readSentence(model) {
  const { tokens, entries, rows, size, output, hidden, probabilities } = model.get("data");
  const states = floats(hidden);
  const units = states.length / tokens.length;
  const state = (t) => (t ? states.subarray((t - 1) * units, t * units) : new Float32Array(units)); // a<0> is all zeros
  const reach = Math.max(1, loudest(states)); // the scale's ends: a tanh never leaves [-1, 1]
  return { tokens, entries, rows, size, output, units, state, reach, probabilities: floats(probabilities) };
}

// Where everything stands, from the width there is; columns count from 0, the initial state.
function layOut({ tokens, units, reach }, width) {
  const narrow = width < 560;
  const left = narrow ? 52 : 104;
  const column = Math.max(narrow ? 42 : 46, (width - left - 12) / (tokens.length + 0.8));
  const cell = Math.min(16, Math.max(5, 220 / units));
  const top = { bar: 16, state: 16 + ROWS.bar + ROWS.gapAbove };
  top.oneHot = top.state + cell * units + ROWS.gapBelow;
  top.word = top.oneHot + ROWS.oneHot + ROWS.index + ROWS.word;
  const middle = (t) => left + (t ? (t + 0.3) * column : 0.4 * column);
  return { narrow, reach, left, column, cell, box: Math.min(36, column * 0.48), top, middle,
    width: left + (tokens.length + 0.8) * column + 10, height: top.word + 10 };
}

function shorten(word, room) {
  const letters = Math.max(3, Math.floor(room / 7));
  return word.length > letters ? word.slice(0, letters - 1) + "…" : word;
}

// A vector drawn as a column of cells.
function stateColumn(place, x, values, colours, shade) {
  const group = svg("g");
  values.forEach((value, unit) =>
    group.append(svg("rect", { x: x - place.box / 2, y: place.top.state + unit * place.cell, width: place.box,
      height: place.cell - (place.cell > 7 ? 1 : 0), fill: css(shade(0.5 + value / place.reach / 2)) },
      svg("title", {}, `unit ${unit + 1}: ${figure(value)}`))));
  group.append(svg("rect", { x: x - place.box / 2 - 1, y: place.top.state - 1, width: place.box + 2, rx: 2,
    height: place.cell * values.length + 1, fill: "none", stroke: colours.line, class: "frame" }));
  return group;
}

// The one-hot vector: every row a thin line while they can be told apart, and the 1.
function oneHotColumn(place, x, row, size, colours) {
  const wide = Math.min(14, place.box);
  const step = ROWS.oneHot / size;
  const group = svg("g", {}, svg("rect", { x: x - wide / 2, y: place.top.oneHot, width: wide, height: ROWS.oneHot,
    rx: 2, fill: "none", stroke: colours.line }));
  for (let k = 1; k < size && step >= 4; k++)
    group.append(svg("line", { x1: x - wide / 2, x2: x + wide / 2, y1: place.top.oneHot + k * step,
      y2: place.top.oneHot + k * step, stroke: colours.line }));
  const tall = Math.max(4, step);
  const y = place.top.oneHot + Math.min(row * step, ROWS.oneHot - tall);
  group.append(svg("rect", { x: x - wide / 2, y, width: wide, height: tall, fill: colours.ink },
    svg("title", {}, `row ${row} of ${size} is 1`)));
  group.append(svg("text", { x, y: place.top.oneHot + ROWS.oneHot + 13, "text-anchor": "middle",
    "font-size": 11, fill: colours.soft }, String(row)));
  return group;
}

function arrow(x1, y1, x2, y2, name, colours, at) {
  const group = svg("g", { class: "arrow" });
  group.append(svg("line", { x1, y1, x2, y2, stroke: colours.soft, "stroke-width": 1.5, "marker-end": "url(#course-head)" }));
  if (at) group.append(svg("text", { x: at[0], y: at[1], "font-size": 11, "font-style": "italic", fill: colours.soft,
    "text-anchor": at[2], class: "weight" }, "W", svg("tspan", { dy: 3, "font-size": 9 }, name)));
  return group;
}

// One column of the picture: what happens at step t.
function stepColumn(sentence, place, t, colours, shade) {
  const x = place.middle(t), value = sentence.probabilities[t - 1], { top } = place;
  const group = svg("g", { "data-step": t, class: "step" });
  const bottom = top.state + place.cell * sentence.units;
  const word = svg("text", { x, y: top.word, "text-anchor": "middle", "font-size": 13, fill: colours.ink, class: "word" },
    shorten(sentence.tokens[t - 1], place.column), svg("title", {}, sentence.tokens[t - 1]));
  group.append(svg("rect", { x: x - place.column / 2, y: 0, width: place.column, height: place.height, fill: "transparent" }));
  const filled = svg("g", { class: "filled" });
  const tall = Math.max(1, value * ROWS.bar);
  filled.append(
    svg("rect", { x: x - place.box / 2, y: top.bar + ROWS.bar - tall, width: place.box, height: tall, rx: 1, class: "bar",
      fill: colours.dark ? "#4FA3DC" : PALETTE.models.RNN }),
    svg("text", { x, y: top.bar + ROWS.bar - tall - 4, "text-anchor": "middle", "font-size": 11, fill: colours.ink },
      value.toFixed(2)),
    arrow(x, top.state - 3, x, top.bar + ROWS.bar + 7, "ya", colours, [x + 6, top.state - 11, "start"]),
    arrow(place.middle(t - 1) + place.box / 2 + 2, (top.state + bottom) / 2, x - place.box / 2 - 3, (top.state + bottom) / 2,
      "aa", colours, place.column - place.box > 26 && [(place.middle(t - 1) + x) / 2, (top.state + bottom) / 2 - 7, "middle"]),
    arrow(x, top.oneHot - 3, x, bottom + 5, "ax", colours, [x + 6, top.oneHot - 9, "start"]),
    stateColumn(place, x, sentence.state(t), colours, shade),
    oneHotColumn(place, x, sentence.rows[t - 1], sentence.size, colours),
  );
  group.append(filled, word);
  return group;
}

function rowNames(sentence, place, colours) {
  const { top, narrow, cell } = place, middle = top.state + (cell * sentence.units) / 2;
  const names = [
    [top.bar + ROWS.bar / 2, sentence.output, ""],
    [middle, "state a⟨t⟩", `${sentence.units} units`],
    [top.oneHot + ROWS.oneHot / 2, "input x⟨t⟩", `1 of ${sentence.size.toLocaleString("en")}`],
    [top.oneHot + ROWS.oneHot + 10, narrow ? "" : "row", ""],
    [top.word - 3, "word", ""],
  ];
  return names.flatMap(([y, name, note]) => [
    svg("text", { x: 0, y: y + 3, "font-size": narrow ? 11 : 12, fill: colours.ink }, narrow ? name.replace(/^\w+ (?=.⟨)/, "") : name),
    svg("text", { x: 0, y: y + 18, "font-size": 11, fill: colours.soft }, narrow ? "" : note),
  ]);
}

function picture(sentence, width, colours) {
  const place = layOut(sentence, width), shade = signedScale(colours);
  const drawing = svg("svg", { width: place.width, height: place.height, viewBox: `0 0 ${place.width} ${place.height}`, role: "img" });
  drawing.append(
    svg("defs", {}, svg("marker", { id: "course-head", viewBox: "0 0 8 8", refX: 6, refY: 4, markerWidth: 6, markerHeight: 6,
      orient: "auto" }, svg("path", { d: "M0 0.5 L7 4 L0 7.5 z", fill: colours.soft }))),
    svg("line", { x1: place.left, x2: place.width, y1: place.top.bar + ROWS.bar + 0.5, y2: place.top.bar + ROWS.bar + 0.5, stroke: colours.line }),
    stateColumn(place, place.middle(0), sentence.state(0), colours, shade),
    svg("text", { x: place.middle(0), y: place.top.state - 8, "text-anchor": "middle", "font-size": 11, fill: colours.soft }, "a⟨0⟩"),
  );
  const columns = sentence.tokens.map((_, k) => stepColumn(sentence, place, k + 1, colours, shade));
  const names = svg("g", {}, svg("rect", { width: place.left - 6, height: place.height, fill: colours.paper, opacity: 0.93 }),
    ...rowNames(sentence, place, colours));
  drawing.append(...columns, names);
  return { drawing, columns, place, names };
}

function renderRecurrentStepper({ model, el }) {
  el.classList.add("course-widget", "course-stepper");
  let sentence = readSentence(model), shown, waiting, unit = 0;

  const box = keepKeys(element("input", { type: "text", id: `course-sentence-${Date.now()}-${serial++}`, value: model.get("sentence"),
    maxLength: 300, autocomplete: "off", spellcheck: false, disabled: !model.get("live") }));
  const edit = element("div", { class: "course-row" }, element("label", { htmlFor: box.id }, "Sentence"), box);
  const why = element("p", { class: "soft" },
    model.get("live") ? "" : "On this page there is no Python to run the network: open the lesson in JupyterLab to type a sentence of your own.");
  const warning = element("p", { class: "warn", role: "status" });
  const scroll = element("div", { class: "scroll" });
  // a long sentence scrolls under the names of the rows
  const stick = () => shown.names.setAttribute("transform", `translate(${scroll.scrollLeft} 0)`);
  scroll.addEventListener("scroll", stick);
  const readout = element("p", { class: "figures", "aria-live": "polite" });
  const legend = element("span", { class: "legend", role: "img", "aria-label": "Colours of the activations, from minus 1 to 1" });
  const unitReadout = element("span", { class: "soft figures" });
  const steps = slider({ label: "Step t", min: 1, max: sentence.tokens.length, value: model.get("step"),
    said: (t) => `${t} of ${sentence.tokens.length}`, oninput: (t) => go(t), onchange: (t) => tell(model, "step", t) });
  el.append(edit, why, warning, steps.row, scroll, readout, element("p", { class: "course-row" }, legend, unitReadout));

  // Everything is in the picture from the start; a step only shows and hides columns.
  function go(t) {
    shown.columns.forEach((column, k) => {
      column.classList.toggle("future", k + 1 > t);
      column.classList.toggle("now", k + 1 === t);
    });
    const { tokens, entries, rows, size, output, probabilities } = sentence;
    const known = tokens[t - 1].toLowerCase() === entries[t - 1].toLowerCase();
    readout.textContent = `Step ${t}: x⟨${t}⟩ is “${tokens[t - 1]}”${known ? "" : `, not in the vocabulary, so ${entries[t - 1]}`}: `
      + `row ${rows[t - 1]} of ${size.toLocaleString("en")} is 1. With a⟨${t - 1}⟩ it makes a⟨${t}⟩, and from that ${output} = ${probabilities[t - 1].toFixed(2)}.`;
    shown.drawing.setAttribute("aria-label", `The network after ${t} of ${tokens.length} tokens. ${output}: `
      + tokens.slice(0, t).map((token, k) => `${token} ${probabilities[k].toFixed(2)}`).join(", "));
    showUnit(t);
    const { left, column, middle } = shown.place;
    scroll.scrollLeft = Math.max(0, middle(t) + column - scroll.clientWidth, Math.min(scroll.scrollLeft, middle(t) - left - column));
    stick();
    drawn(el);
  }

  function showUnit(t) {
    unit = Math.min(unit, sentence.units - 1);
    const [before, after] = [t - 1, t].map((k) => figure(sentence.state(k)[unit]));
    unitReadout.textContent = `Hidden unit ${unit + 1} of ${sentence.units}: ${before} in a⟨${t - 1}⟩, ${after} in a⟨${t}⟩. Choose another by pointing, or with ↑ and ↓ on the picture.`;
    const { top, cell, box: wide, middle } = shown.place;
    for (const [name, value] of Object.entries({ x: middle(t) - wide / 2 - 1.5, y: top.state + unit * cell - 1.5, width: wide + 3, height: cell + 2 }))
      shown.mark.setAttribute(name, value);
  }

  function redraw() {
    const colours = theme(el), current = Number(steps.input.value);
    shown = picture(sentence, el.clientWidth - 30, colours);
    shown.mark = svg("rect", { fill: "none", stroke: colours.ink, "stroke-width": 2, rx: 2, class: "mark" });
    shown.drawing.append(shown.mark);
    shown.drawing.setAttribute("tabindex", 0);
    shown.drawing.addEventListener("keydown", choose);
    shown.drawing.addEventListener("pointermove", point);
    shown.drawing.addEventListener("click", (event) => {
      const column = event.target.closest("[data-step]");
      if (column) (steps.move(column.dataset.step), go(Number(column.dataset.step)), tell(model, "step", Number(column.dataset.step)));
    });
    scroll.replaceChildren(shown.drawing);
    const shade = signedScale(colours), { reach } = sentence;
    const stops = [0, 0.25, 0.5, 0.75, 1].map((share) => css(shade(share))).join(", ");
    legend.replaceChildren(figure(-reach), element("i", { style: `background: linear-gradient(90deg, ${stops})` }), figure(reach));
    go(current);
  }

  function choose(event) {
    const way = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const along = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!way && !along) return;
    event.preventDefault();
    event.stopPropagation();
    if (way) unit = Math.min(Math.max(unit + way, 0), sentence.units - 1);
    if (along) (steps.move(Number(steps.input.value) + along), tell(model, "step", Number(steps.input.value)));
    go(Number(steps.input.value));
  }

  function point(event) {
    const { top, cell } = shown.place;
    const over = Math.floor((event.clientY - shown.drawing.getBoundingClientRect().top - top.state) / cell);
    if (over < 0 || over >= sentence.units || over === unit) return;
    unit = over;
    showUnit(Number(steps.input.value));
  }

  // Python is asked when the typing pauses; while it is silent, that is said.
  box.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      tellNow(model, "sentence", box.value);
      waiting = setTimeout(() => (warning.textContent = "Python has not answered yet: is a cell still running, or has the kernel stopped?"), 4000);
    }, 250);
  });
  const stopListening = listen(model, {
    answered() {
      clearTimeout(waiting);
      warning.textContent = model.get("message");
      drawn(el);
    },
    data() {
      const last = sentence.tokens.length;
      const atEnd = Number(steps.input.value) === last;
      sentence = readSentence(model);
      steps.input.max = sentence.tokens.length;
      steps.move(atEnd ? sentence.tokens.length : Math.min(Number(steps.input.value), sentence.tokens.length));
      redraw();
    },
    step() {
      if (model.get("step") === Number(steps.input.value)) return;
      steps.move(model.get("step"));
      go(Number(steps.input.value));
    },
  });
  warning.textContent = model.get("message");
  const stopWatching = watch(el, redraw);
  redraw();
  return () => (stopListening(), stopWatching(), clearTimeout(waiting));
}
