// The CTC trellis under the learner's hand: drag a frame's probabilities, type a target, and everything moves.
const SHOWN = { "Forward α": "alphas", "Backward β": "betas", "Posterior": "occupancy" };
const MOST_FRAMES = 12, MOST_STATES = 13, MOST_BEAM = 6;
const below = (number) => [...String(number)].map((digit) => "₀₁₂₃₄₅₆₇₈₉"[digit]).join("");

// 0.25, 0.0312, 4e-5: as a pencil would write it, in a circle's width.
function short(value) {
  if (!Number.isFinite(value)) return value < 0 ? "−∞" : "∞";
  if (value === 0) return "0";
  const size = Math.abs(value);
  const text = size < 0.00095 ? value.toExponential(0) : value.toFixed(size < 0.0995 ? 3 : size < 10 ? 2 : 1);
  return text.replace(/-/g, "−");
}

function renderCtcTrellis({ model, el }) {
  el.classList.add("course-widget", "course-ctc");
  const { symbols, presets } = model.get("data");
  let probabilities, logs, lat, target, path, searched, frame = 0, state = 0, symbol = 0, waiting = 0, place = {}, look, followed = 0;

  const button = (name, act) => keepKeys(element("button", { type: "button", onclick: act }, name));
  const box = (label, value, read, attributes) => {
    const input = keepKeys(element("input", { type: "text", value, spellcheck: false, autocomplete: "off", ...attributes }));
    input.addEventListener("input", () => read(input.value));
    return { row: element("label", { class: "together" }, label, input), input };
  };
  const known = symbols.slice(1).join(", ");
  const targetBox = box("Target", model.get("target"), (text) => (setTarget(text), tell(model, "target", spelt(target))));
  const pathBox = box("A path of yours", model.get("path"), (text) => (setPath(text), tell(model, "path", spelt(path))), { placeholder: `${symbols[0]} and ${known}` });
  const task = element("p", { class: "figures", role: "status" });
  const canvas = element("canvas", { role: "img" });
  const scroll = element("div", { class: "scroll" }, canvas);
  const frames = slider({ label: "Frame t", min: 1, max: 2, value: 1, said: (t) => `${t} of ${logs ? logs.length : t}`, oninput: (t) => ((frame = t - 1), soon()), onchange: (t) => tell(model, "frame", t) });
  const states = slider({ label: "State s", min: 1, max: 2, value: 1, said: (s) => `${s}, ${lat ? symbols[lat.states[s - 1]] : ""}`, oninput: (s) => ((state = s - 1), (symbol = lat.states[state]), soon()), onchange: (s) => tell(model, "state", s) });
  const which = slider({ label: "Symbol", min: 0, max: symbols.length - 1, value: 0, said: (c) => (c ? symbols[c] : `${symbols[0]}, the blank`), oninput: (c) => ((symbol = c), soon()) });
  const chance = slider({ label: "Its probability", min: 0, max: 1, step: 0.01, value: 0, said: (p) => p.toFixed(2), oninput: (p) => raise(frame, symbol, p), onchange: send });
  const beam = slider({ label: "Beam", min: 1, max: MOST_BEAM, value: model.get("beam"), oninput: soon, onchange: (k) => tell(model, "beam", k) });
  const views = Object.keys(SHOWN).map((name) => button(name, () => (tell(model, "view", name), soon())));
  const logarithms = keepKeys(element("input", { type: "checkbox", onchange: soon }));
  const step = button("Gradient step", descend);
  const ready = presets.map(({ name }, k) => button(name, () => load(k)));
  const recursion = element("p", { class: "figures", "aria-live": "polite", style: "min-height: 2.9em" }); // two lines, so that nothing jumps
  const search = element("p", { class: "figures" });
  el.append(element("div", { class: "course-row" }, targetBox.row, pathBox.row), task, scroll,
    element("div", { class: "course-row" }, "In the circles:", ...views, element("label", { class: "together" }, logarithms, "logarithms")),
    frames.row, states.row, recursion, which.row, chance.row, element("div", { class: "course-row" }, step, ...ready), beam.row, search);

  const spelt = (labels) => labels.map((label) => symbols[label]).join("");
  const quoted = (labels) => (labels.length ? `“${spelt(labels)}”` : "nothing");

  // Letters that are symbols, in either case; the blank may be written as itself, "_" or "-".
  function read(text, most, blankToo) {
    const found = [...text.toLowerCase()].map((c) => (c === symbols[0] || c === "_" || c === "-" ? 0 : symbols.findIndex((s) => s.toLowerCase() === c)));
    return found.filter((c) => c > 0 || (c === 0 && blankToo)).slice(0, most);
  }
  function setTarget(text) {
    target = read(text, (MOST_STATES - 1) / 2, false);
    state = Math.min(state, 2 * target.length);
    measure();
    soon();
  }
  function setPath(text) {
    path = read(text, logs ? logs.length : MOST_FRAMES, true);
    soon();
  }
  function setProbabilities(rows) {
    probabilities = rows.map((row) => [...row]);
    frame = Math.min(frame, rows.length - 1);
    measure();
    soon();
  }
  function load(k) {
    targetBox.input.value = presets[k].target;
    target = read(presets[k].target, (MOST_STATES - 1) / 2, false);
    [frame, state, path] = [0, 0, []];
    pathBox.input.value = "";
    setProbabilities(presets[k].probabilities);
    tell(model, "target", presets[k].target);
    send();
  }
  function send() {
    tell(model, "probabilities", probabilities.map((row) => [...row]));
  }

  // One probability of a frame is set; the frame's others keep their proportions.
  function raise(t, c, p) {
    const rest = 1 - probabilities[t][c], others = probabilities[t].length - 1;
    probabilities[t] = probabilities[t].map((old, k) => (k === c ? p : rest > 1e-9 ? (old * (1 - p)) / rest : (1 - p) / others));
    measure();
    soon();
  }
  // A step of gradient descent on the logits, rate 1: each frame is pulled towards its posterior.
  function descend() {
    setProbabilities(logs.map((row, t) => softmaxed(row.map((log, c) => log + lat.pull[t][c]))));
    send();
  }

  function measure() {
    logs = probabilities.map((row) => row.map(Math.log));
    lat = lattice(logs, target);
  }
  function soon() {
    waiting ||= requestAnimationFrame(() => ((waiting = 0), draw()));
  }

  function settle() {
    for (const [control, most, now] of [[frames, logs.length, frame + 1], [states, lat.states.length, state + 1], [which, symbols.length - 1, symbol]]) {
      control.input.max = most;
      control.move(now);
    }
    chance.move(probabilities[frame][symbol].toFixed(2));
    views.forEach((one) => one.setAttribute("aria-pressed", one.textContent === model.get("view")));
    step.disabled = lat.total === NEVER;
    searched = { prefixes: prefixBeam(logs, Number(beam.input.value)), paths: pathBeam(logs, Number(beam.input.value)) };
  }

  // What the page decides. It is read when that changes, and not at each move: to answer, the page has to be laid out.
  function seen() {
    look = { colours: theme(el), wide: el.clientWidth, font: getComputedStyle(el).fontFamily };
    soon();
  }

  function draw() {
    settle();
    const { colours } = look, T = logs.length, S = lat.states.length, C = symbols.length;
    const left = 92, width = Math.max(look.wide - 30, left + 50 * T), column = (width - left - 4) / T;
    const bars = { top: 18, tall: C > 3 ? 32 : 38 }, gap = S > 9 ? 31 : 36;
    const nodes = { top: bars.top + C * bars.tall + 26, gap }, lines = { top: nodes.top + S * gap + 12 };
    const beams = { top: lines.top + 56, gap: 24 }, high = beams.top + MOST_BEAM * beams.gap + 2; // whatever the beam: nothing jumps
    place = { left, column, width, T, S, C, bars, nodes, lines, beams, middle: (t) => left + (t + 0.5) * column, across: (s) => nodes.top + (s + 0.5) * gap };
    if (canvas.style.width !== `${width}px`) canvas.style.width = `${width}px`;
    const context = fit(canvas, width, high);
    context.font = `11px ${look.font}`;
    context.textBaseline = "middle";
    context.fillStyle = colours.accent;
    context.globalAlpha = 0.1;
    context.fillRect(left + frame * column, 0, column, high);
    context.globalAlpha = 1;
    drawBars(context, colours);
    drawMachine(context, colours);
    drawNodes(context, colours);
    drawPaths(context, colours);
    drawPrefixes(context, colours);
    follow();
    say();
    drawn(el);
  }

  // In a narrow window the trellis scrolls: the chosen frame is brought into sight.
  function follow() {
    const { left, column, width } = place, room = look.wide - 30, from = left + frame * column;
    if (frame === followed || width <= room) return;
    followed = frame;
    if (from < scroll.scrollLeft || !frame) scroll.scrollLeft = frame ? from : 0;
    else if (from + column > scroll.scrollLeft + room) scroll.scrollLeft = from + column - room;
  }

  function write(context, text, x, y, colour, align = "center") {
    context.fillStyle = colour;
    context.textAlign = align;
    context.fillText(text, x, y);
  }
  function stroke(context, colour, thick, points, dashes = []) {
    context.strokeStyle = colour;
    context.lineWidth = thick;
    context.setLineDash(dashes);
    context.beginPath();
    points.forEach(([x, y], k) => (k ? context.lineTo(x, y) : context.moveTo(x, y)));
    context.stroke();
    context.setLineDash([]);
  }
  const orange = (colours) => (colours.dark ? "#F2A46B" : PALETTE.models["plain network"]);
  const blue = (colours) => (colours.dark ? "#3F8FC9" : PALETTE.models.CTC);

  // Frame by frame a bar for each symbol's probability, and a line where its posterior is: what the gradient pulls to.
  function drawBars(context, colours) {
    const { left, column, bars, T, C, middle } = place;
    write(context, "probability,", 0, bars.top + 8, colours.soft, "left");
    write(context, "— posterior", 0, bars.top + 23, colours.dark ? orange(colours) : "#A84300", "left");
    for (let t = 0; t < T; t++) write(context, String(t + 1), middle(t), 8, t === frame ? colours.ink : colours.soft);
    for (let c = 0; c < C; c++) {
      const top = bars.top + c * bars.tall, tall = bars.tall - 6, base = top + tall;
      write(context, symbols[c], left - 12, top + tall / 2, colours.ink);
      for (let t = 0; t < T; t++) {
        const gap = Math.min(30, column * 0.56), x = left + t * column + gap, wide = column - gap - 5;
        const p = probabilities[t][c], share = lat.posterior[t][c];
        context.fillStyle = c ? blue(colours) : colours.dark ? "#7C8288" : "#B9B9B5";
        context.fillRect(x, base - p * tall, wide, p * tall);
        stroke(context, colours.line, 1, [[x, base], [x + wide, base]]);
        const ends = base - share * tall;
        if (lat.total > NEVER) {
          stroke(context, orange(colours), 2, [[x, ends], [x + wide, ends]]);
          if (Math.abs(share - p) * tall > 5) arrow(context, orange(colours), [x + wide - 7, base - p * tall], [x + wide - 7, ends]);
        }
        context.font = `${column < 62 ? 9.5 : 11}px ${look.font}`; // the frame around the chosen one needs room
        write(context, short(p), x - 4, base - 6, colours.ink, "right");
        context.font = `11px ${look.font}`;
        if (t === frame && c === symbol) {
          context.strokeStyle = colours.ink;
          context.lineWidth = 1.5;
          context.strokeRect(left + t * column + 2, top - 1, column - 4, tall + 3);
        }
      }
    }
  }

  function arrow(context, colour, [x, y], [to, end], thick = 1.5) {
    const angle = Math.atan2(end - y, to - x), head = 5;
    stroke(context, colour, thick, [[x, y], [to, end]]);
    stroke(context, colour, thick, [-0.5, 0, 0.5].map((turn) => turn
      ? [to - head * Math.cos(angle + turn), end - head * Math.sin(angle + turn)] : [to, end]));
  }

  // The states as a machine: a loop on each, a step to the next, a skip past a blank between unequal labels.
  function drawMachine(context, colours) {
    const { nodes, S, across } = place, x = 46;
    write(context, "states", 0, nodes.top - 6, colours.soft, "left");
    for (let s = 0; s < S; s++) {
      const y = across(s);
      context.strokeStyle = colours.soft;
      context.lineWidth = 1;
      context.beginPath();
      context.arc(x - 12, y, 6, 0.9, 5.4);
      context.stroke();
      if (s + 1 < S) arrow(context, colours.soft, [x, y + 10], [x, across(s + 1) - 10], 1);
      if (lat.skips[s]) {
        context.beginPath();
        context.arc(x + 4, across(s - 1), nodes.gap * 0.86, -0.9, 0.9);
        context.strokeStyle = orange(colours);
        context.lineWidth = 1.5;
        context.stroke();
        arrow(context, orange(colours), [x + 17, y - 9], [x + 11, y - 3]);
      }
      context.fillStyle = colours.paper;
      context.strokeStyle = s === state ? colours.ink : colours.soft;
      context.lineWidth = s === state ? 2 : 1;
      context.beginPath();
      context.arc(x, y, 10, 0, 7);
      context.fill();
      context.stroke();
      write(context, symbols[lat.states[s]], x, y, colours.ink);
    }
  }

  // A move's line is as thick as its share of the posterior; those into the chosen state stand out.
  function drawNodes(context, colours) {
    const { T, S, middle, across, column, nodes } = place, radius = Math.min(15, column / 2 - 6, nodes.gap / 2 - 1);
    for (let t = 0; t + 1 < T; t++)
      for (let s = 0; s < S; s++)
        for (const by of [0, 1, 2]) {
          const r = s + by;
          if (r >= S || (by === 2 && !lat.skips[r])) continue;
          const share = moveShare(lat, logs, t, s, r), into = t + 1 === frame && r === state;
          if (share < 0.002 && !into) continue;
          stroke(context, into ? colours.ink : by === 2 ? orange(colours) : blue(colours), into ? 2 : 0.7 + 7 * share,
            [[middle(t), across(s)], [middle(t + 1), across(r)]], into && share < 0.002 ? [3, 3] : []);
        }
    const line = (path) => path.map((s, t) => [middle(t), across(s)]);
    if (lat.best.path.length) stroke(context, colours.ink, 1.5, line(lat.best.path), [2, 3]);
    const mine = standing();
    if (mine) stroke(context, colours.dark ? "#E58BC0" : PALETTE.models.hybrid, 3.5, line(mine));
    const shade = probabilityScale(colours), values = lat[SHOWN[model.get("view")]];
    context.font = `${radius < 14 ? 8 : 9.5}px ${look.font}`;
    for (let t = 0; t < T; t++)
      for (let s = 0; s < S; s++) {
        const fill = shade(lat.occupancy[t][s]), on = t === frame && s === state;
        context.fillStyle = css(fill);
        context.beginPath();
        context.arc(middle(t), across(s), radius, 0, 7);
        context.fill();
        context.strokeStyle = on ? colours.ink : lat.alphas[t][s] + lat.betas[t][s] > NEVER ? colours.soft : colours.line;
        context.lineWidth = on ? 2.5 : 1;
        context.stroke();
        write(context, number(values[t][s]), middle(t), across(s), luminance(css(fill)) > 0.5 ? "#1f1f1f" : "#ffffff");
      }
    context.font = `11px ${look.font}`;
  }
  function number(value) {
    const share = model.get("view") === "Posterior";
    if (logarithms.checked) return short(share ? Math.log(value) : value);
    return short(share ? value : Math.exp(value));
  }

  // The states that the learner's path goes through, if it is an alignment of the target.
  function standing() {
    if (path.length !== logs.length || spelt(collapse(path)) !== spelt(target)) return null;
    let labels = 0;
    return path.map((symbol, t) => {
      if (symbol && symbol !== path[t - 1]) labels += 1;
      return symbol ? 2 * labels - 1 : 2 * labels;
    });
  }

  function drawPaths(context, colours) {
    const { lines, middle, T } = place, shown = lat.best.path.map((s) => lat.states[s]);
    const greedy = greedyPath(logs);
    for (const [k, name, row] of [[0, "best path", shown], [1, "greedy", greedy], [2, "yours", path]]) {
      const y = lines.top + 16 * k;
      write(context, name, 0, y, colours.soft, "left");
      for (let t = 0; t < T; t++) write(context, t in row ? symbols[row[t]] : "·", middle(t), y, row[t] ? colours.ink : colours.soft);
    }
  }

  // After each frame the prefixes that the beam keeps, likeliest first: mass that ends in the blank, then in the label.
  function drawPrefixes(context, colours) {
    const { left, column, beams, middle, T } = place, { prefixes } = searched;
    write(context, "prefix beam", 0, beams.top + 8, colours.soft, "left");
    write(context, "blank, label", 0, beams.top + 22, colours.soft, "left");
    for (let t = 1; t < T; t++)
      prefixes[t].forEach(({ from }, k) => from.forEach((was) => stroke(context, colours.line, 1,
        [[middle(t - 1) + column / 2 - 8, beams.top + (was + 0.5) * beams.gap], [middle(t) - column / 2 + 5, beams.top + (k + 0.5) * beams.gap]])));
    const wanted = spelt(target);
    prefixes.forEach((kept, t) => {
      const most = Math.max(...kept.map(({ total }) => total));
      kept.forEach(({ labels, blank, label }, k) => {
        const x = left + t * column + 6, y = beams.top + k * beams.gap, full = column - 14;
        const [one, other] = [blank, label].map((mass) => full * Math.exp(mass - most));
        context.fillStyle = colours.dark ? "#7C8288" : "#B9B9B5";
        context.fillRect(x, y + 15, one, 5);
        context.fillStyle = blue(colours);
        context.fillRect(x + one, y + 15, other, 5);
        write(context, labels.length ? spelt(labels) : "∅", x, y + 7, spelt(labels) === wanted ? orange(colours) : colours.ink, "left");
        if (column > 62) write(context, short(Math.exp(logAdd([blank, label]))), x + full, y + 7, colours.soft, "right");
      });
    });
  }

  function say() {
    const T = logs.length, count = countAlignments(target, T), need = target.length + repeatsOf(target), P = Math.exp(lat.total);
    const mine = path.length ? ` ${yours()}` : "";
    putWords(task, (count
      ? `${quoted(target)} in ${T} frames: ${count.toLocaleString("en")} alignment${count === 1 ? "" : "s"}, P = ${short(P)}, loss ${short(-lat.total)} nats.`
      : `${quoted(target)} needs at least ${need} frames, and there are ${T}: no alignment, the loss is infinite.`) + mine);
    putWords(recursion, recurred());
    const greedy = collapse(greedyPath(logs)), unmerged = searched.paths[0], merged = searched.prefixes.at(-1)[0];
    const exact = (labels) => short(Math.exp(logAdd(forwardVariables(logs, extend(labels)).at(-1).slice(-2))));
    putWords(search, `Greedy says ${quoted(greedy)}, in truth ${exact(greedy)}. A beam of ${beam.input.value} paths, not merged: `
      + `${quoted(collapse(unmerged.path))} by a path of ${short(Math.exp(unmerged.score))}. A beam of ${beam.input.value} prefixes, merged: `
      + `${quoted(merged.labels)} with ${short(Math.exp(merged.total))}, in truth ${exact(merged.labels)}.`);
    canvas.setAttribute("aria-label", `CTC trellis of ${quoted(target)}, ${lat.states.length} states by ${T} frames. ${task.textContent} Frame ${frame + 1}: `
      + `probability, then posterior, of ${symbols.map((s, c) => `${s} ${short(probabilities[frame][c])}, ${short(lat.posterior[frame][c])}`).join("; ")}.`);
    el.ctc = { lattice: lat, ...searched, greedy, path: standing(), probabilities }; // a page's own script may read it
  }

  function yours() {
    const said = quoted(collapse(path)), right = spelt(collapse(path)) === spelt(target);
    if (path.length < logs.length) return `Your path has ${path.length} of ${logs.length} symbols so far, and collapses to ${said}.`;
    const score = Math.exp(path.reduce((sum, c, t) => sum + logs[t][c], 0));
    return `Your path has probability ${short(score)} and collapses to ${said}: ${right ? "an alignment of the target." : "not one of the target's."}`;
  }

  // The recursion at the chosen state, with its numbers, and why a skip is or is not allowed.
  function recurred() {
    const t = frame, s = state, z = lat.states[s], y = short(probabilities[t][z]);
    const value = (row, k) => short(Math.exp(row[k]));
    const why = lat.skips[s] ? "A skip past the blank is allowed: the labels on its two sides differ."
      : s < 2 ? "" : z === 0 ? "No skip: it would leave out a label." : `No skip: without the blank, ${symbols[z]} and ${symbols[z]} would merge.`;
    const gradient = lat.total === NEVER ? "No alignment, so no gradient." : `Posterior of ${symbols[symbol]} in frame ${t + 1} minus its probability: ${short(lat.posterior[t][symbol])} − ${short(probabilities[t][symbol])} = ${short(lat.pull[t][symbol])}, the way it is pulled.`;
    const name = `α${below(t + 1)}(${s + 1})`;
    if (!t) return `${name} = ${s < 2 ? y : 0}: a path begins in state 1 or 2. ${gradient}`;
    const ways = [s, s - 1, ...(lat.skips[s] ? [s - 2] : [])].filter((k) => k >= 0);
    return `${name} = (${ways.map((k) => value(lat.alphas[t - 1], k)).join(" + ")}) · ${y} = ${value(lat.alphas[t], s)}. ${why} ${gradient}`;
  }

  // The pointer: drag a bar; choose a frame and a state in the trellis.
  function pointed(event) {
    const { left, column, bars, nodes, T, C, S } = place;
    const t = Math.floor((event.offsetX - left) / column), c = Math.floor((event.offsetY - bars.top) / bars.tall);
    const s = Math.floor((event.offsetY - nodes.top) / nodes.gap);
    return { t, c: t >= 0 && t < T && c >= 0 && c < C ? c : -1, s: t >= 0 && t < T && s >= 0 && s < S ? s : -1 };
  }
  let dragged = null;
  const drag = ({ offsetY }) => {
    const base = place.bars.top + dragged.c * place.bars.tall + place.bars.tall - 6;
    raise(dragged.t, dragged.c, Math.min(Math.max((base - offsetY) / (place.bars.tall - 6), 0), 1));
  };
  canvas.addEventListener("pointerdown", (event) => {
    const { t, c, s } = pointed(event);
    if (c >= 0) {
      [dragged, frame, symbol] = [{ t, c }, t, c];
      canvas.setPointerCapture(event.pointerId);
      drag(event);
    } else if (s >= 0) {
      [frame, state, symbol] = [t, s, lat.states[s]];
      tell(model, "frame", t + 1);
      tell(model, "state", s + 1);
      soon();
    }
  });
  canvas.addEventListener("pointermove", (event) => dragged && drag(event));
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => dragged && ((dragged = null), send()));

  const stopListening = listen(model, {
    target() {
      if (model.get("target") === spelt(target)) return;
      targetBox.input.value = model.get("target");
      setTarget(model.get("target"));
    },
    path() {
      if (model.get("path") === spelt(path)) return;
      pathBox.input.value = model.get("path");
      setPath(model.get("path"));
    },
    probabilities: () => JSON.stringify(model.get("probabilities")) !== JSON.stringify(probabilities) && setProbabilities(model.get("probabilities")),
    frame: () => ((frame = Math.min(model.get("frame"), logs.length) - 1), soon()),
    state: () => ((state = Math.min(model.get("state"), lat.states.length) - 1), (symbol = lat.states[state]), soon()),
    beam: () => (beam.move(model.get("beam")), soon()),
    view: soon,
  });
  target = read(model.get("target"), (MOST_STATES - 1) / 2, false);
  path = read(model.get("path"), MOST_FRAMES, true);
  [frame, state] = [model.get("frame") - 1, Math.min(model.get("state") - 1, 2 * target.length)];
  symbol = extend(target)[state];
  probabilities = model.get("probabilities").map((row) => [...row]);
  measure();
  const stopWatching = watch(el, seen);
  seen();
  draw();
  // What a test compares with algorithms.ctc, alignment and decoding on cases of its own.
  el.ctcOf = (logs, target, beam) => ({ ...lattice(logs, target), count: countAlignments(target, logs.length), greedy: collapse(greedyPath(logs)),
    prefixes: prefixBeam(logs, beam).at(-1), paths: pathBeam(logs, beam).map((one) => ({ ...one, labels: collapse(one.path) })) });
  return () => (stopListening(), stopWatching(), cancelAnimationFrame(waiting));
}
