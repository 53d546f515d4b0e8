// A trained decoder, computed in the browser: step it, force a token on it, follow its beam.

// out[k] = bias[k] + the k-th row of the matrix times the vector.
function affine(matrix, vector, bias) {
  const size = vector.length;
  return Array.from(bias, (b, k) => {
    let sum = b;
    for (let j = 0; j < size; j++) sum += matrix[k * size + j] * vector[j];
    return sum;
  });
}

// Embed the last token, and take a step of the GRU.
function gruStep({ weights: w, sizes: [H, E] }, token, h) {
  const x = w["embedding.weight"].subarray(token * E, (token + 1) * E);
  const own = affine(w["cell.weight_ih_l0"], x, w["cell.bias_ih_l0"]);
  const old = affine(w["cell.weight_hh_l0"], h, w["cell.bias_hh_l0"]);
  const gate = (k) => 1 / (1 + Math.exp(-own[k] - old[k]));
  return Array.from(h, (before, k) => {
    const candidate = Math.tanh(own[2 * H + k] + gate(k) * old[2 * H + k]), kept = gate(H + k);
    return (1 - kept) * candidate + kept * before;
  });
}

function logSoftmax(scores) {
  const top = Math.max(...scores), total = top + Math.log(scores.reduce((sum, score) => sum + Math.exp(score - top), 0));
  return scores.map((score) => score - total);
}

// One step: the GRU's, and the log-softmax of the output layer.
function decoderStep(decoder, token, h) {
  const next = gruStep(decoder, token, h), { weights: w } = decoder;
  return { h: next, logProbs: logSoftmax(affine(w["output.weight"], next, w["output.bias"])) };
}

// After the tokens written: the next token's log-probabilities, and the text's own.
function followTokens(decoder, start, written) {
  let found = decoderStep(decoder, decoder.sos, start), logProb = 0;
  for (const token of written) {
    logProb += found.logProbs[token];
    if (token === decoder.eos) return { logProbs: null, logProb };
    found = decoderStep(decoder, token, found.h);
  }
  return { logProbs: found.logProbs, logProb };
}

// The drafts kept after each step: {token, logProb, parent, ended, tokens}, the best first.
function searchBeam(decoder, start, width) {
  let drafts = [{ token: decoder.sos, logProb: 0, ended: false, h: start, tokens: [] }];
  const columns = [];
  while (columns.length < decoder.longest && !drafts.every((draft) => draft.ended)) {
    const offers = drafts.flatMap((draft, parent) => {
      if (draft.ended) return [{ ...draft, parent }];
      const { h, logProbs } = decoderStep(decoder, draft.token, draft.h);
      return logProbs.map((gain, token) => ({ token, logProb: draft.logProb + gain, parent, ended: token === decoder.eos,
        h, tokens: [...draft.tokens, token] }));
    });
    drafts = offers.sort((one, other) => other.logProb - one.logProb).slice(0, width);
    columns.push(drafts);
  }
  return columns;
}

function renderDecoderStepper({ model, el }) {
  el.classList.add("course-widget", "course-decoder");
  const data = model.get("data"), { sources, tokens, offered, eos, sos, longest, sizes } = data;
  const weights = Object.fromEntries(Object.entries(data.weights).map(([name, values]) => [name, floats(values)]));
  const decoder = { weights, sizes, sos, eos, longest }, states = floats(data.starts);
  let written = [...model.get("written")];
  const start = () => Array.from(states.subarray(inputs.input.value * sizes[0], (Number(inputs.input.value) + 1) * sizes[0]));
  const said = (some) => some.map((token) => tokens[token]).join(" ") || "nothing";

  const inputs = slider({ label: "Input", min: 0, max: sources.length - 1, value: model.get("source"), said: (k) => `“${sources[k]}”`,
    oninput: () => write([]), onchange: (k) => tell(model, "source", k) });
  const widths = slider({ label: "Beam width", min: 1, max: data.mostWidth, value: model.get("width"),
    oninput: () => draw(), onchange: (k) => tell(model, "width", k) });
  const button = (name, act, options = {}) => keepKeys(element("button", { type: "button", onclick: act, ...options }, name));
  const likeliest = button("Write the likeliest", () => write([...written, best()]), { class: "main" });
  const back = button("Back", () => write(written.slice(0, -1)));
  const again = button("Start again", () => write([]));
  const forced = offered.map((token) => button(tokens[token], () => write([...written, token])));
  const text = element("p", { class: "figures", "aria-live": "polite" });
  const distribution = element("div", { class: "scroll" }), tree = element("div", { class: "scroll" });
  const verdict = element("p", { class: "figures" });
  el.append(inputs.row, text, distribution, element("div", { class: "course-row" }, likeliest, back, again),
    element("div", { class: "course-row" }, element("span", {}, "Or force a token:"), ...forced),
    element("section", {}, widths.row, tree, verdict));

  let found, look, greedy = { of: null };
  const best = () => offered.reduce((one, other) => (found.logProbs[other] > found.logProbs[one] ? other : one));

  function write(some) {
    written = some.slice(0, longest);
    tell(model, "written", [...written]);
    draw();
  }

  function bars(colours) {
    const column = Math.max(30, Math.min(54, (look.width - 34) / offered.length)), tall = 96, width = column * offered.length;
    const picture = svg("svg", { width, height: tall + 38, viewBox: `0 0 ${width} ${tall + 38}`, role: "img" });
    picture.append(svg("line", { x1: 0, x2: width, y1: tall + 16, y2: tall + 16, stroke: colours.line }));
    offered.forEach((token, k) => {
      const share = found.logProbs ? Math.exp(found.logProbs[token]) : 0, high = share * (tall - 4), x = (k + 0.5) * column;
      const top = found.logProbs && token === best();
      picture.append(
        svg("rect", { x: x - column * 0.3, y: tall + 16 - high, width: column * 0.6, height: Math.max(high, found.logProbs ? 1 : 0), rx: 1,
          fill: top ? colours.accent : colours.soft }, svg("title", {}, `${tokens[token]}: ${share.toFixed(3)}`)),
        svg("text", { x, y: tall + 12 - high, "text-anchor": "middle", "font-size": 11, fill: colours.ink }, found.logProbs ? share.toFixed(2) : ""),
        svg("text", { x, y: tall + 32, "text-anchor": "middle", "font-size": tokens[token].length > 3 && column < 48 ? 10.5 : 13, fill: colours.ink, "font-weight": top ? 700 : 400 }, tokens[token]));
    });
    const told = offered.map((token) => `${tokens[token]} ${found.logProbs ? Math.exp(found.logProbs[token]).toFixed(2) : "0"}`);
    picture.setAttribute("aria-label", found.logProbs ? `Probability of the next token: ${told.join(", ")}` : "The text has ended: there is no next token.");
    return picture;
  }

  function branches(columns, colours) {
    const step = Math.max(46, Math.min(74, (look.width - 60) / (columns.length + 1))), row = 46, radius = 13;
    const rows = Math.max(...columns.map((kept) => kept.length));
    const width = 30 + step * (columns.length + 0.6), height = 24 + row * rows;
    const x = (u) => 26 + u * step, y = (k) => 20 + k * row;
    const picture = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img" });
    const onBest = columns.map(() => -1);
    for (let u = columns.length - 1, k = 0; u >= 0; u--) (onBest[u] = k), (k = columns[u][k].parent);
    const line = (u, k, draft, lit) => svg("line", { x1: x(u) + radius, y1: u ? y(draft.parent) : y(0), x2: x(u + 1) - radius, y2: y(k),
      stroke: lit ? colours.accent : colours.soft, "stroke-width": lit ? 3 : 1, opacity: lit ? 1 : 0.6 });
    const node = (u, k, name, lit, note) => [
      svg("circle", { cx: x(u), cy: y(k), r: radius, fill: colours.paper, stroke: lit ? colours.accent : colours.soft, "stroke-width": lit ? 3 : 1 }),
      svg("text", { x: x(u), y: y(k) + 4, "text-anchor": "middle", "font-size": name.length > 3 ? 11 : 13, fill: colours.ink }, name.replace(/[<>]/g, "")),
      svg("text", { x: x(u), y: y(k) + radius + 12, "text-anchor": "middle", "font-size": 10.5, fill: colours.soft }, note)];
    columns.forEach((kept, u) => kept.forEach((draft, k) => picture.append(line(u, k, draft, onBest[u] === k))));
    picture.append(...node(0, 0, tokens[sos], true, ""));
    columns.forEach((kept, u) => kept.forEach((draft, k) => picture.append(...node(u + 1, k, tokens[draft.token], onBest[u] === k, figure(draft.logProb)))));
    picture.setAttribute("aria-label", `The drafts kept at each step, best first: `
      + columns.map((kept, u) => `step ${u + 1}: ${kept.map((draft) => `${said(draft.tokens)} ${figure(draft.logProb)}`).join(", ")}`).join("; "));
    return picture;
  }

  // What the page decides is read when it changes, and not at each move: to answer, the page has to be laid out.
  function seen() {
    look = { colours: theme(el), width: el.clientWidth };
    draw();
  }

  function draw() {
    const { colours } = look, from = start(), width = Number(widths.input.value), of = inputs.input.value;
    found = followTokens(decoder, from, written);
    if (greedy.of !== of) greedy = { of, ...searchBeam(decoder, from, 1).at(-1)[0] };
    const columns = searchBeam(decoder, from, width);
    el.decoder = { ...found, columns }; // a page's own script may read it
    const over = !found.logProbs || written.length >= longest;
    [likeliest, ...forced].forEach((one) => (one.disabled = over));
    [back, again].forEach((one) => (one.disabled = !written.length));
    putWords(text, `Written: ${said(written)}. log P so far ${figure(found.logProb)}. `
      + (!found.logProbs ? `The text has ended.` : written.length >= longest ? "No more tokens: the text is as long as it may be."
        : `Next, the likeliest is ${tokens[best()]} with probability ${Math.exp(found.logProbs[best()]).toFixed(2)}.`));
    distribution.replaceChildren(bars(colours));
    tree.replaceChildren(branches(columns, colours));
    const won = columns.at(-1)[0];
    putWords(verdict, `Greedy writes ${said(greedy.tokens)}, log P = ${figure(greedy.logProb)}. A beam of ${width} ends with ${said(won.tokens)}, `
      + `log P = ${figure(won.logProb)}${won.logProb > greedy.logProb + 1e-9 ? ", a likelier text" : ""}.`);
    drawn(el);
  }

  const stopListening = listen(model, {
    source: () => Number(inputs.input.value) !== model.get("source") && (inputs.move(model.get("source")), draw()),
    width: () => Number(widths.input.value) !== model.get("width") && (widths.move(model.get("width")), draw()),
    written: () => String(written) !== String(model.get("written")) && ((written = [...model.get("written")]), draw()),
  });
  const stopWatching = watch(el, seen);
  seen();
  return () => (stopListening(), stopWatching());
}
