// The trellis of a hidden Markov model: a column for each frame, a row for each state, filled node by node.
const TRELLIS_MODES = [
  { name: "forward", symbol: "α", said: "forward: the sum of all paths" },
  { name: "Viterbi", symbol: "δ", said: "Viterbi: the best path" },
  { name: "posterior", symbol: "γ", said: "posterior: where was it?" },
];

// All that the three modes show. A is S x S in one row; what a state shows of frame t is shown(t, state).
function trellisNumbers({ initial, final }, A, S, T, shown) {
  const table = () => Array.from({ length: T }, () => new Array(S).fill(0));
  const forward = table(), backward = table(), best = table(), from = table(), posterior = table();
  for (let t = 0; t < T; t++)
    for (let j = 0; j < S; j++) {
      let sum = t ? 0 : initial[j], most = t ? -1 : initial[j];
      for (let i = 0; t && i < S; i++) {
        sum += forward[t - 1][i] * A[i * S + j];
        const way = best[t - 1][i] * A[i * S + j];
        if (way > most) (most = way), (from[t][j] = i);
      }
      forward[t][j] = sum * shown(t, j);
      best[t][j] = most * shown(t, j);
    }
  for (let t = T - 1; t >= 0; t--)
    for (let i = 0; i < S; i++) {
      if (t === T - 1) backward[t][i] = final[i];
      else for (let j = 0; j < S; j++) backward[t][i] += A[i * S + j] * shown(t + 1, j) * backward[t + 1][j];
    }
  let likelihood = 0, likeliest = -1, state = 0;
  for (let j = 0; j < S; j++) {
    likelihood += forward[T - 1][j] * final[j];
    if (best[T - 1][j] * final[j] > likeliest) (likeliest = best[T - 1][j] * final[j]), (state = j);
  }
  const path = [state];
  for (let t = T - 1; t > 0; t--) path.unshift(from[t][path[0]]);
  for (let t = 0; t < T; t++)
    for (let j = 0; j < S; j++) posterior[t][j] = likelihood ? (forward[t][j] * backward[t][j]) / likelihood : 0;
  return { forward, backward, Viterbi: best, from, posterior, likelihood, likeliest, path };
}

// Row i of A with A[i][j] = p, the others scaled so that the row still sums to 1.
function withTransition(A, S, i, j, p) {
  const changed = [...A], rest = 1 - A[i * S + j];
  for (let k = 0; k < S; k++)
    if (k !== j) changed[i * S + k] = rest > 1e-9 ? (A[i * S + k] * (1 - p)) / rest : S > 1 ? (1 - p) / (S - 1) : 0;
  changed[i * S + j] = p;
  return changed;
}

// A probability in three digits, or as a power of ten.
function brief(value) {
  if (value === 0) return "0";
  if (value >= 0.0001) return String(Number(value.toPrecision(3)));
  const exponent = Math.floor(Math.log10(value));
  return `${(value / 10 ** exponent).toFixed(1)}e${exponent}`.replace("-", "−");
}

function renderTrellis({ model, el }) {
  el.classList.add("course-widget", "course-trellis");
  const { states, symbols, initial, emission, final } = model.get("data");
  const S = states.length, C = symbols.length;
  let A = [...model.get("transition")], heard = [...model.get("heard")];
  const T = heard.length;
  const mode = () => TRELLIS_MODES[Number(modes.input.value)];
  const pair = () => [Math.floor(pairs.input.value / S), pairs.input.value % S];
  const named = (k) => `${states[Math.floor(k / S)]} → ${states[k % S]}`;
  const shown = (t, j) => emission[j * C + heard[t]];

  const steps = slider({ label: "Nodes filled", min: 1, max: S * T, value: model.get("step"), said: (n) => `${n} of ${S * T}`,
    oninput: () => draw(), onchange: (n) => tell(model, "step", n) });
  const modes = slider({ label: "Fill with", min: 0, max: 2, value: modeOf(), said: (k) => TRELLIS_MODES[k].said,
    oninput: () => draw(), onchange: (k) => tell(model, "mode", TRELLIS_MODES[k].name) });
  const pairs = slider({ label: "Transition", min: 0, max: S * S - 1, value: S > 1 ? 1 : 0, said: named, oninput: () => draw() });
  const chance = slider({ label: "Its probability", min: 0, max: 1, step: 0.05, value: 0, said: (p) => p.toFixed(2),
    oninput: (p) => ((A = withTransition(A, S, ...pair(), p)), draw()), onchange: () => tell(model, "transition", [...A]) });
  const buttons = heard.map((_, t) => keepKeys(element("button", { type: "button", onclick: () => {
    heard[t] = (heard[t] + 1) % C;
    tell(model, "heard", [...heard]);
    draw();
  } })));
  const again = keepKeys(element("button", { type: "button", onclick: () => {
    [A, heard] = [[...first.A], [...first.heard]];
    tell(model, "transition", [...A]);
    tell(model, "heard", [...heard]);
    draw();
  } }, "Reset"));
  const first = { A: [...A], heard: [...heard] };
  const scroll = element("div", { class: "scroll" });
  const readout = element("p", { class: "figures", "aria-live": "polite" });
  const total = element("p", { class: "figures soft" });
  el.append(modes.row, steps.row, scroll, readout, total, pairs.row, chance.row,
    element("div", { class: "course-row" }, element("span", {}, "Heard (press to change):"), ...buttons, again));

  function modeOf() {
    return Math.max(0, TRELLIS_MODES.findIndex(({ name }) => name === model.get("mode")));
  }

  // What the last node filled was made of, as a calculation.
  function calculation(numbers, t, j) {
    const { name, symbol } = mode(), value = numbers[name][t][j], left = `${symbol}(${t + 1}, ${states[j]}) = `;
    if (name === "posterior")
      return `${left}${brief(numbers.forward[t][j])} · ${brief(numbers.backward[t][j])} / ${brief(numbers.likelihood)} = ${brief(value)}: `
        + `forward times backward, over P(O).`;
    const show = `· ${brief(shown(t, j))}`;
    if (!t) return `${left}${brief(initial[j])} ${show} = ${brief(value)}: P(start in ${states[j]}) times P(${symbols[heard[t]]} | ${states[j]}).`;
    const ways = states.map((_, i) => i).filter((i) => numbers[name][t - 1][i] * A[i * S + j] > 0);
    const terms = ways.map((i) => `${brief(numbers[name][t - 1][i])} · ${brief(A[i * S + j])}`);
    if (!ways.length) return `${left}0: no path leads here.`;
    const inside = name === "forward" ? terms.join(" + ") : terms.length > 1 ? `max of ${terms.join(", ")}` : terms[0];
    return `${left}(${inside}) ${show} = ${brief(value)}${name === "Viterbi" ? `, from ${states[numbers.from[t][j]]}` : ""}.`;
  }

  function draw() {
    const filled = Number(steps.input.value), [i, j] = pair();
    chance.move(A[i * S + j]);
    const numbers = trellisNumbers({ initial, final }, A, S, T, shown);
    el.trellis = { ...numbers, transition: [...A], heard: [...heard] }; // a page's own script may read it
    buttons.forEach((button, t) => {
      button.textContent = symbols[heard[t]];
      button.setAttribute("aria-label", `Frame ${t + 1}: ${symbols[heard[t]]}`);
    });
    scroll.replaceChildren(trellisPicture(numbers, filled, i, j));
    const t = Math.floor((filled - 1) / S), state = (filled - 1) % S;
    readout.textContent = calculation(numbers, t, state);
    total.textContent = filled < S * T ? `P(O) is known when the last column is full.`
      : mode().name === "Viterbi" ? numbers.likeliest > 0 ? `Best path: ${numbers.path.map((k) => states[k]).join(", ")}, probability ${brief(numbers.likeliest)}.` : "No path is possible."
      : `P(O) = ${brief(numbers.likelihood)}, the sum over all paths that end where they may.`;
    drawn(el);
  }

  function trellisPicture(numbers, filled, from, to) {
    const colours = theme(el), shade = probabilityScale(colours), values = numbers[mode().name];
    const left = 16 + 8 * Math.max(...states.map((name) => name.length), 4), top = 22, row = 74, radius = 15;
    const column = Math.max(64, (el.clientWidth - 34 - left) / T);
    const width = left + T * column, height = top + S * row + 24;
    const x = (t) => left + (t + 0.5) * column, y = (k) => top + (k + 0.5) * row - 8;
    const picture = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img" });
    const ready = (t, k) => t * S + k < filled;
    const finished = filled === S * T && mode().name === "Viterbi" && numbers.likeliest > 0;
    const now = [Math.floor((filled - 1) / S), (filled - 1) % S];
    for (let t = 1; t < T; t++)
      for (let a = 0; a < S; a++)
        for (let b = 0; b < S; b++) {
          const p = A[a * S + b], chosen = a === from && b === to;
          if (!p && !chosen) continue;
          const onPath = finished && numbers.path[t - 1] === a && numbers.path[t] === b;
          const winner = mode().name !== "Viterbi" || numbers.from[t][b] === a;
          const lit = onPath || (!finished && t === now[0] && b === now[1] && winner);
          const line = svg("line", { x1: x(t - 1) + radius + 1, y1: y(a), x2: x(t) - radius - 1, y2: y(b), class: chosen ? "chosen" : "",
            stroke: lit ? colours.accent : colours.soft, "stroke-width": lit ? 3.5 : 0.8 + 3 * p, opacity: lit ? 1 : ready(t, b) && winner ? 0.65 : 0.22 });
          if (chosen) line.setAttribute("stroke-dasharray", "5 3"), line.setAttribute("opacity", 1), line.setAttribute("stroke", lit ? colours.accent : colours.ink);
          line.append(svg("title", {}, `${states[a]} → ${states[b]}: ${p.toFixed(2)}`));
          picture.append(line);
        }
    for (let t = 0; t < T; t++) {
      const all = values[t].reduce((sum, value) => sum + value, 0) || 1;
      picture.append(svg("text", { x: x(t), y: 13, "text-anchor": "middle", "font-size": 11, fill: colours.soft }, `t = ${t + 1}`));
      picture.append(svg("text", { x: x(t), y: height - 8, "text-anchor": "middle", "font-size": 12, fill: colours.ink }, symbols[heard[t]]));
      for (let k = 0; k < S; k++) {
        const full = ready(t, k), isNow = t === now[0] && k === now[1], onPath = finished && numbers.path[t] === k;
        picture.append(svg("circle", { cx: x(t), cy: y(k), r: radius, fill: full ? css(shade(values[t][k] / all)) : colours.paper,
          stroke: isNow || onPath ? colours.accent : colours.soft, "stroke-width": isNow || onPath ? 3 : 1 },
          svg("title", {}, full ? `${states[k]} at ${t + 1}: ${brief(values[t][k])}` : "not filled yet")));
        if (full) picture.append(svg("text", { x: x(t), y: y(k) + radius + 14, "text-anchor": "middle", "font-size": 11, fill: colours.ink }, brief(values[t][k])));
      }
    }
    states.forEach((name, k) => picture.append(svg("text", { x: 2, y: y(k) + 4, "font-size": 13, fill: colours.ink }, name)));
    picture.append(svg("text", { x: 2, y: height - 8, "font-size": 11, fill: colours.soft }, "heard"));
    picture.setAttribute("aria-label", `Trellis of ${S} states over ${T} frames, ${mode().said}; ${filled} of ${S * T} nodes are filled, `
      + `the last is ${states[now[1]]} at frame ${now[0] + 1}: ${brief(values[now[0]][now[1]])}.`);
    return picture;
  }

  const stopListening = listen(model, {
    step: () => (steps.move(model.get("step")), draw()),
    mode: () => (modes.move(modeOf()), draw()),
    transition: () => ((A = [...model.get("transition")]), draw()),
    heard: () => ((heard = [...model.get("heard")]), draw()),
  });
  const stopWatching = watch(el, draw);
  draw();
  return () => (stopListening(), stopWatching());
}
