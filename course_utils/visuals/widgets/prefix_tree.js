// Prefix beam search as a tree that grows with the frames: each leaf a prefix, with the mass that ends in its last
// letter and in the blank. The search runs here, again at each move of a slider; `ctc.js` has logAdd and collapse.
const MOST_BEAM = 8;

// After each frame, the best `beam` prefixes by log P + alpha · language + beta · length, best first, each with what it
// would be worth if the sound ended there; and after them those that this frame pushed out. `bigram[h][w]` is the
// log-probability of label w after label h; 0 stands for the beginning, and for the end.
function fusedSearch(logs, bigram, beam, alpha, beta) {
  const weigh = (log) => (alpha ? alpha * log : 0);
  let kept = [{ labels: [], blank: 0, label: NEVER, total: 0, bonus: 0, language: 0 }];
  return logs.map((row) => {
    const places = new Map(), found = [];
    const at = (labels, bonus, language) => {
      const key = labels.join();
      if (!places.has(key)) places.set(key, found.push({ labels, blank: NEVER, label: NEVER, bonus, language }) - 1);
      return found[places.get(key)];
    };
    for (const { labels, blank, label, total, bonus, language } of kept) {
      const last = labels.at(-1) ?? 0, stays = at(labels, bonus, language);
      stays.blank = logAdd([stays.blank, total + row[0]]);
      if (last) stays.label = logAdd([stays.label, label + row[last]]);
      for (let symbol = 1; symbol < row.length; symbol++) {
        const mass = (symbol === last ? blank : total) + row[symbol], said = bigram[last][symbol];
        if (mass === NEVER) continue;
        const longer = at([...labels, symbol], bonus + weigh(said) + beta, language + said);
        longer.label = logAdd([longer.label, mass]);
      }
    }
    for (const one of found) {
      one.total = logAdd([one.blank, one.label]);
      const end = bigram[one.labels.at(-1) ?? 0][0];
      one.ended = one.total + one.bonus + weigh(end);
      one.spoken = one.language + end;
    }
    const before = new Set(kept.map(({ labels }) => labels.join()));
    const alive = found.filter(({ total, bonus }) => total + bonus > NEVER).sort((a, b) => b.total + b.bonus - a.total - a.bonus);
    kept = alive.slice(0, beam);
    return { kept, fallen: alive.slice(beam).filter(({ labels }) => before.has(labels.join())) };
  });
}

function renderPrefixTree({ model, el }) {
  el.classList.add("course-widget", "course-prefixes");
  const { symbols, presets, bigram } = model.get("data");
  const bigrams = bigram.map((row) => row.map((log) => log ?? NEVER));
  let logs, searched, chosen, waiting = 0, playing = 0;

  const shown = (label) => (symbols[label] === " " ? "␣" : symbols[label]);
  const spelt = (labels) => (labels.length ? labels.map(shown).join("") : "nothing yet");
  const button = (name, act) => keepKeys(element("button", { type: "button", onclick: act }, name));
  const move = (label, name, min, max, step, said = String) => slider({ label, min, max, step, value: model.get(name), said, oninput: soon, onchange: (value) => tell(model, name, value) });
  const frame = move("Frame t", "frame", 1, 2, 1, (t) => `${t} of ${logs ? logs.length : t}`);
  const beam = move("Beam", "beam", 1, MOST_BEAM, 1);
  const alpha = move("Weight α of the language model", "alpha", 0, 2, 0.1, (a) => a.toFixed(1));
  const beta = move("Length term β", "beta", 0, 4, 0.5, (b) => b.toFixed(1));
  const play = button("Run through the frames", toggle);
  const ready = presets.map(({ name }, k) => button(name, () => (load(k), tell(model, "preset", k))));
  const canvas = element("canvas", { role: "img" });
  const told = element("p", { class: "figures", "aria-live": "polite" });
  const list = element("table", { class: "figures" });
  el.append(element("div", { class: "course-row" }, "Sound:", ...ready), frame.row, element("div", { class: "course-row" }, play),
    beam.row, alpha.row, beta.row, element("div", { class: "scroll" }, canvas), told, element("div", { class: "scroll" }, list));

  function load(k) {
    stop();
    chosen = k;
    logs = presets[k].probabilities.map((row) => row.map(Math.log));
    ready.forEach((one, n) => one.setAttribute("aria-pressed", n === k));
    frame.input.max = logs.length;
    frame.move(Math.min(Number(frame.input.value), logs.length));
    soon();
  }
  function toggle() {
    if (playing) return stop();
    if (Number(frame.input.value) >= logs.length) frame.move(1);
    play.textContent = "Stop here";
    soon();
    playing = setInterval(() => {
      const next = Number(frame.input.value) + 1;
      frame.move(next);
      soon();
      if (next >= logs.length) stop();
    }, 600);
  }
  function stop() {
    clearInterval(playing);
    if (playing) tell(model, "frame", Number(frame.input.value));
    playing = 0;
    play.textContent = "Run through the frames";
  }
  function soon() {
    waiting ||= requestAnimationFrame(() => ((waiting = 0), draw()));
  }

  // The prefixes and all their beginnings as nodes, in the order of a walk: each leaf has a row of its own.
  function grow(prefixes) {
    const root = { labels: [], children: new Map() };
    for (const one of prefixes) {
      let node = root;
      one.labels.forEach((label, depth) => {
        if (!node.children.has(label)) node.children.set(label, { labels: one.labels.slice(0, depth + 1), children: new Map() });
        node = node.children.get(label);
      });
      node.prefix = one;
    }
    let row = 0;
    const nodes = [];
    const walk = (node, parent) => {
      nodes.push(node);
      node.parent = parent;
      node.row = row; // a node stands in the row of its first child, or has the next one to itself
      const others = [...node.children.values()].sort((a, b) => a.labels.at(-1) - b.labels.at(-1));
      others.forEach((child, k) => {
        if (k) row += 1;
        walk(child, node);
      });
      if (node.prefix && others.length) row += 1; // room for its own bar, below those of its children
      node.bar = row;
    };
    walk(root, null);
    return { nodes, rows: row + 1 };
  }

  function draw() {
    const t = Number(frame.input.value), K = Number(beam.input.value), colours = theme(el);
    searched = fusedSearch(logs, bigrams, K, Number(alpha.input.value), Number(beta.input.value));
    const { kept, fallen } = searched[t - 1], tree = grow([...kept, ...fallen]);
    const best = [...kept].sort((a, b) => b.ended - a.ended);
    const T = logs.length, depth = Math.max(...tree.nodes.map(({ labels }) => labels.length));
    const width = Math.max(el.clientWidth - 30, 340), tall = 26, top = 74, bar = 84;
    const column = Math.min(46, (width - bar - 30) / Math.max(1, depth));
    const context = fit(canvas, width, top + tree.rows * tall + 8);
    context.font = `12px ${getComputedStyle(el).fontFamily}`;
    context.textBaseline = "middle";
    drawFrames(context, colours, t, width / T);
    const most = Math.max(...kept.map(({ total, bonus }) => total + bonus));
    const lead = best[0]?.labels ?? [];
    const lit = new Set([...lead.map((_, n) => lead.slice(0, n + 1).join()), ""]);
    const x = (node) => 12 + column * node.labels.length, y = (row) => top + (row + 0.5) * tall;
    for (const node of tree.nodes.filter(({ parent }) => parent)) {
      context.strokeStyle = lit.has(node.labels.join()) ? colours.accent : colours.line;
      context.lineWidth = lit.has(node.labels.join()) ? 3 : 1.5;
      context.beginPath();
      context.moveTo(x(node.parent), y(node.parent.row));
      context.lineTo(x(node.parent) + column * 0.35, y(node.row));
      context.lineTo(x(node), y(node.row));
      context.stroke();
    }
    for (const node of tree.nodes) drawNode(context, colours, node, x(node), y, most, lit, fallen, width - bar);
    say(t, kept, fallen, best);
    drawn(el);
  }

  // Every frame's three likeliest symbols, a bar under each.
  function drawFrames(context, colours, t, wide) {
    logs.forEach((row, k) => {
      const left = k * wide, order = row.map((_, c) => c).sort((a, b) => row[b] - row[a]).slice(0, 3);
      if (k === t - 1) {
        context.fillStyle = colours.accent;
        context.globalAlpha = 0.14;
        context.fillRect(left, 0, wide, 62);
        context.globalAlpha = 1;
      }
      order.filter((c) => row[c] > Math.log(0.02)).forEach((c, n) => {
        context.textAlign = "left";
        context.globalAlpha = k < t ? 1 : 0.65;
        context.fillStyle = c ? (colours.dark ? "#3F8FC9" : PALETTE.models.CTC) : colours.dark ? "#7C8288" : "#B9B9B5";
        context.fillRect(left + 14, 6 + 19 * n, Math.max(1, (wide - 18) * Math.exp(row[c])), 9);
        context.fillStyle = colours.ink;
        context.fillText(shown(c), left + 2, 11 + 19 * n);
        context.globalAlpha = 1;
      });
    });
  }

  function drawNode(context, colours, node, x, y, most, lit, fallen, end) {
    const on = lit.has(node.labels.join()), fell = node.prefix && fallen.includes(node.prefix);
    context.beginPath();
    context.arc(x, y(node.row), 10, 0, 7);
    context.fillStyle = colours.paper;
    context.fill();
    context.strokeStyle = on ? colours.accent : node.prefix && !fell ? colours.soft : colours.line;
    context.lineWidth = on ? 2.5 : 1.2;
    context.setLineDash(fell ? [2, 3] : []);
    context.stroke();
    context.setLineDash([]);
    context.textAlign = "center";
    context.fillStyle = node.prefix && !fell ? colours.ink : colours.soft;
    context.fillText(node.labels.length ? shown(node.labels.at(-1)) : "∅", x, y(node.row));
    if (!node.prefix) return;
    const { blank, label, total, bonus } = node.prefix, scale = 78 * Math.exp(bonus + total - most), from = end, at = y(node.bar);
    const [grey, blue] = [blank, label].map((mass) => scale * Math.exp(mass - total));
    context.strokeStyle = colours.line;
    context.lineWidth = 1;
    context.setLineDash([1, 3]);
    context.beginPath();
    context.moveTo(x, y(node.row) + (node.bar > node.row ? 11 : 0));
    if (node.bar > node.row) context.lineTo(x, at);
    context.moveTo(x + (node.bar > node.row ? 0 : 12), at);
    context.lineTo(from - 4, at);
    context.stroke();
    context.setLineDash([]);
    context.globalAlpha = fell ? 0.45 : 1;
    context.fillStyle = colours.dark ? "#7C8288" : "#B9B9B5";
    context.fillRect(from, at - 5, grey, 10);
    context.fillStyle = colours.dark ? "#3F8FC9" : PALETTE.models.CTC;
    context.fillRect(from + grey, at - 5, Math.max(blue, grey < 1 ? 1 : 0), 10);
    context.globalAlpha = 1;
  }

  const share = (value) => (!value ? "0" : value < 0.0005 ? value.toExponential(0) : value.toFixed(3)).replace("-", "−");
  function say(t, kept, fallen, best) {
    const greedy = collapse(logs.slice(0, t).map((row) => row.indexOf(Math.max(...row))));
    const lost = fallen.length ? ` Pushed out: ${fallen.slice(0, 3).map(({ labels }) => spelt(labels)).join(", ")}.` : "";
    const found = best.length ? `“${spelt(best[0].labels)}”` : "nothing that the language model allows";
    putWords(told, `After frame ${t}: greedy “${spelt(greedy)}”, the search ${found}.${lost}`);
    const apart = { style: "padding: 0 18px 0 0; text-align: left" }, cell = (text) => element("td", apart, text);
    const head = element("tr", {}, ...["if the sound ended here", "P in ε", "P in the letter", "log P + α log LM + β·length"].map((name) => element("th", { scope: "col", ...apart }, name)));
    const rows = best.map(({ labels, blank, label, ended }) => element("tr", {}, cell(spelt(labels)), cell(share(Math.exp(blank))), cell(share(Math.exp(label))), cell(figure(ended))));
    list.replaceChildren(element("tbody", {}, head, ...rows));
    canvas.setAttribute("aria-label", `Prefix tree after frame ${t} of ${logs.length}, ${kept.length} prefixes. ${told.textContent}`);
    el.prefixes = { kept, fallen, best, greedy }; // a page's own script may read it
  }

  const follow = (control, name) => () => (control.move(model.get(name)), soon());
  const stopListening = listen(model, {
    frame: () => (frame.move(Math.min(model.get("frame"), logs.length)), soon()),
    beam: follow(beam, "beam"),
    alpha: follow(alpha, "alpha"),
    beta: follow(beta, "beta"),
    preset: () => model.get("preset") !== chosen && load(model.get("preset")),
  });
  load(model.get("preset"));
  frame.move(Math.min(model.get("frame"), logs.length));
  const stopWatching = watch(el, soon);
  draw();
  // What a test compares with algorithms.decoding on cases of its own.
  el.searchOf = (logs, bigram, ...settings) => fusedSearch(logs, bigram, ...settings).map(({ kept }) => [...kept].sort((a, b) => b.ended - a.ended));
  return () => (stopListening(), stopWatching(), clearInterval(playing), cancelAnimationFrame(waiting));
}
