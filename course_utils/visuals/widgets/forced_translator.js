// Trained translators, computed in the browser: write a sentence, force a character on it anywhere, see what follows.

// One step of a decoder with attention: the GRU's, a look back by scaled dot products, and the next token's log-softmax.
function lookingStep(decoder, memory, token, h) {
  const { weights: w, sizes: [H] } = decoder, next = gruStep(decoder, token, h);
  const T = memory.keys.length / H, V = memory.values.length / T;
  const scores = Array.from({ length: T }, (_, t) => next.reduce((sum, n, k) => sum + n * memory.keys[t * H + k], 0) / Math.sqrt(H));
  const looks = logSoftmax(scores).map(Math.exp);
  const context = Array.from({ length: V }, (_, k) => looks.reduce((sum, look, t) => sum + look * memory.values[t * V + k], 0));
  const combined = affine(w["combine.weight"], [...next, ...context], w["combine.bias"]).map(Math.tanh);
  return { h: next, logProbs: logSoftmax(affine(w["output.weight"], combined, w["output.bias"])) };
}

// Greedily, but for the places in `forced` (place -> token): the tokens, and log-probabilities of all at each place.
function writeForced(decoder, memory, forced, { sos, eos, longest }) {
  const tokens = [], rows = [];
  let h = memory.start, last = sos;
  while (tokens.length < longest && last !== eos) {
    const found = lookingStep(decoder, memory, last, h), at = tokens.length;
    last = forced.has(at) ? forced.get(at) : found.logProbs.indexOf(Math.max(...found.logProbs));
    h = found.h;
    tokens.push(last);
    rows.push(found.logProbs);
  }
  return { tokens, rows };
}

function renderForcedTranslator({ model, el }) {
  el.classList.add("course-widget", "course-translator");
  const data = model.get("data"), { tokens, pinyin, sources, names, truths, eos, sos, longest } = data;
  const whole = ({ step, values }) => Float32Array.from(new Int16Array(values.buffer.slice(values.byteOffset, values.byteOffset + values.byteLength)), (n) => n * step);
  const decoders = data.models.map(({ sizes, weights, memories }) => ({
    sizes, weights: Object.fromEntries(Object.entries(weights).map(([name, packed]) => [name, whole(packed)])),
    memories: memories.map((one) => ({ start: Array.from(floats(one.start)), keys: floats(one.keys), values: floats(one.values) })) }));
  let forced = new Map(model.get("forced")), found;
  const name = (token) => (pinyin[tokens[token]] ? `${tokens[token]} ${pinyin[tokens[token]]}` : tokens[token]);
  const sound = (token) => pinyin[tokens[token]] || tokens[token];
  const percent = (logProb) => (Math.exp(logProb) >= 0.995 ? "100%" : Math.exp(logProb) < 0.01 ? "<1%" : `${Math.round(100 * Math.exp(logProb))}%`);

  const trained = slider({ label: "Trained with", min: 0, max: names.length - 1, value: model.get("trained"), said: (k) => names[k],
    oninput: () => draw(), onchange: (k) => tell(model, "trained", k) });
  const source = slider({ label: "Sentence", min: 0, max: sources.length - 1, value: model.get("source"), said: (k) => `${k + 1} of ${sources.length}`,
    oninput: () => force(new Map()), onchange: (k) => tell(model, "source", k) });
  const place = slider({ label: "Place", min: 0, max: longest - 1, value: model.get("place"), said: (u) => String(u + 1),
    oninput: () => draw(), onchange: (u) => tell(model, "place", u) });
  const at = () => Number(place.input.value);
  const hanzi = '"Course Hanzi", system-ui, sans-serif'; // ours has no Latin letters, which come from the next
  const choose = keepKeys(element("select", { style: `font-family: ${hanzi}`, onchange: () => force(choose.value === "" ? without(at()) : new Map([...forced, [at(), Number(choose.value)]])) }));
  const label = element("label", { class: "together" }, "Write here", choose);
  const clear = keepKeys(element("button", { type: "button", onclick: () => force(new Map()) }, "Take all back"));
  const told = element("p", { "aria-live": "polite" }), english = element("h4", { "aria-live": "polite" }), picture = element("div", { class: "scroll" });
  el.append(trained.row, source.row, english, picture, place.row, element("div", { class: "course-row" }, label, clear), told);
  const without = (u) => new Map([...forced].filter(([where]) => where !== u));

  function force(some) {
    forced = some;
    tell(model, "forced", [...forced]);
    draw();
  }

  // What may be written at the place, the likeliest first; beyond the end there is nothing.
  function offer() {
    const row = found.rows[at()], none = element("option", { value: "" }, row ? "what it finds likeliest" : "the text has ended before");
    const some = row ? [...row.keys()].filter((token) => token !== sos && token !== 0).sort((one, other) => row[other] - row[one]) : [];
    choose.replaceChildren(none, ...some.map((token) => element("option", { value: token }, `${name(token)} · ${percent(row[token])}`)));
    choose.value = forced.has(at()) ? String(forced.get(at())) : "";
    choose.disabled = !row;
    clear.disabled = !forced.size;
  }

  function columns(colours) {
    const truth = [...truths[Number(source.input.value)], eos], count = Math.max(found.tokens.length, truth.length);
    const step = Math.max(36, Math.min(54, (el.clientWidth - 106) / count)), left = 74, tall = 84, top = 18;
    const width = left + step * count + 4, height = top + tall + 124;
    const drawing = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img" });
    const wrongColour = colours.dark ? "#F0894A" : "#A84300", text = (x, y, words, more = {}) => svg("text", { x, y, "text-anchor": "middle", "font-size": 12, fill: colours.ink, ...more }, words);
    const letter = (x, y, token, fill, more = {}) => [text(x, y, pinyin[tokens[token]] || "", { fill, ...more }),
      text(x, y + 25, tokens[token], { fill, "font-size": pinyin[tokens[token]] ? 23 : 12, "font-family": hanzi, lang: "zh", ...more })];
    for (const [y, words] of [[top + tall - 30, "probability"], [top + tall + 36, "written"], [top + tall + 94, "should be"]])
      drawing.append(text(2, y, words, { "text-anchor": "start", fill: colours.soft }));
    drawing.append(svg("line", { x1: left, x2: width, y1: top + tall, y2: top + tall, stroke: colours.line }));
    for (let u = 0; u < count; u++) {
      const x = left + (u + 0.5) * step, token = found.tokens[u], wrong = token !== truth[u], cell = svg("g", { class: "step" });
      if (u === at()) cell.append(svg("rect", { x: x - step / 2 + 1, y: 1, width: step - 2, height: height - 2, rx: 5, fill: "none", stroke: colours.accent, "stroke-width": 2 }));
      if (token !== undefined) {
        const share = Math.exp(found.rows[u][token]), high = Math.max(1, share * tall), fill = wrong ? wrongColour : colours.ink;
        cell.append(svg("rect", { x: x - step * 0.28, y: top + tall - high, width: step * 0.56, height: high, rx: 1,
          fill: forced.has(u) ? colours.soft : wrong ? wrongColour : colours.accent }),
          text(x, top + tall - high - 4, percent(found.rows[u][token]), { "font-size": 11 }),
          ...letter(x, top + tall + 18, token, fill, wrong ? { "text-decoration": "underline" } : {}));
        if (forced.has(u)) cell.append(text(x, top + tall + 58, "forced", { "font-size": 11, fill: colours.soft }));
      }
      if (u < truth.length) cell.append(...letter(x, top + tall + 78, truth[u], colours.soft));
      cell.append(svg("rect", { x: x - step / 2, y: 0, width: step, height, fill: "transparent" }));
      cell.addEventListener("click", () => (place.move(u), tell(model, "place", u), draw()));
      drawing.append(cell);
    }
    drawing.setAttribute("aria-label", `Written: ${found.tokens.map((token, u) => `${sound(token)} ${percent(found.rows[u][token])}${forced.has(u) ? " forced" : ""}`).join(", ")}. `
      + `It should be ${truth.map(sound).join(" ")}.`);
    return drawing;
  }

  function draw() {
    const colours = theme(el), k = Number(source.input.value), decoder = decoders[Number(trained.input.value)];
    found = writeForced(decoder, decoder.memories[k], forced, data);
    el.translation = found; // a page's own script may read it
    const truth = [...truths[k], eos], free = [...truth.keys()].filter((u) => !forced.has(u));
    const missed = free.filter((u) => found.tokens[u] !== truth[u]).length;
    offer();
    putWords(english, `“${sources[k]}”`);
    picture.replaceChildren(columns(colours));
    told.textContent = `It writes ${found.tokens.map(sound).join(" ")}: ${missed} of the ${free.length} characters that it chose itself are not where they should be.`;
    drawn(el);
  }

  const stopListening = listen(model, {
    trained: () => Number(trained.input.value) !== model.get("trained") && (trained.move(model.get("trained")), draw()),
    source: () => Number(source.input.value) !== model.get("source") && (source.move(model.get("source")), draw()),
    place: () => at() !== model.get("place") && (place.move(model.get("place")), draw()),
    forced: () => String(model.get("forced")) !== String([...forced]) && ((forced = new Map(model.get("forced"))), draw()),
  });
  const stopWatching = watch(el, draw);
  draw();
  return () => (stopListening(), stopWatching());
}
