// CTC for one utterance, in logarithms: what algorithms.ctc, alignment and decoding compute. The blank is symbol 0.
const NEVER = -Infinity;

function logAdd(terms) {
  const most = Math.max(...terms);
  return most === NEVER ? NEVER : most + Math.log(terms.reduce((sum, term) => sum + Math.exp(term - most), 0));
}

// Merge equal neighbours, then drop blanks.
const collapse = (path) => path.filter((symbol, t) => symbol && symbol !== path[t - 1]);
// The states of a target, a blank before, between and after its labels; and which may be reached past a blank.
const extend = (target) => [0, ...target.flatMap((label) => [label, 0])];
const skipsInto = (states) => states.map((symbol, s) => s > 1 && symbol !== 0 && symbol !== states[s - 2]);
const repeatsOf = (target) => target.filter((label, u) => u && label === target[u - 1]).length;

// T + U - repeats choose 2U, or 0 if the target does not fit.
function countAlignments(target, T) {
  const free = T - target.length - repeatsOf(target), places = 2 * target.length;
  if (free < 0) return 0;
  let count = 1;
  for (let k = 1; k <= places; k++) count = (count * (free + k)) / k;
  return Math.round(count);
}

// alpha_t(s) = (alpha_{t-1}(s) + alpha_{t-1}(s-1) + alpha_{t-1}(s-2) if a skip is allowed) y_t(s)
function forwardVariables(logs, states) {
  const skips = skipsInto(states);
  let before = states.map((_, s) => (s ? NEVER : 0)); // as if a path waited in the first blank
  return logs.map((row) => {
    const ways = (s) => [before[s], s ? before[s - 1] : NEVER, skips[s] ? before[s - 2] : NEVER];
    return (before = states.map((symbol, s) => logAdd(ways(s)) + row[symbol]));
  });
}

// beta_t(s) = sum over the states r that may follow s of beta_{t+1}(r) y_{t+1}(r)
function backwardVariables(logs, states) {
  const skips = skipsInto(states), last = states.length - 1;
  let after = states.map((_, s) => (s >= last - 1 ? 0 : NEVER));
  const betas = [after];
  for (let t = logs.length - 1; t > 0; t--) {
    const next = after.map((beta, s) => beta + logs[t][states[s]]);
    const ways = (s) => [next[s], s < last ? next[s + 1] : NEVER, skips[s + 2] ? next[s + 2] : NEVER];
    betas.unshift((after = states.map((_, s) => logAdd(ways(s)))));
  }
  return betas;
}

// The likeliest path through the states: of equal moves, read from the end, staying first, then the step, then the skip.
function bestPath(logs, states) {
  const skips = skipsInto(states), S = states.length, scores = [states.map((_, s) => (s ? NEVER : 0))];
  const way = (before, s, by) => (by > s || (by === 2 && !skips[s]) ? NEVER : before[s - by]);
  for (const row of logs) {
    const before = scores.at(-1);
    scores.push(states.map((symbol, s) => Math.max(...[0, 1, 2].map((by) => way(before, s, by))) + row[symbol]));
  }
  const ends = scores.at(-1);
  let s = S > 1 && ends[S - 2] >= ends[S - 1] ? S - 2 : S - 1;
  const score = ends[s], path = [];
  if (score === NEVER) return { path: [], score };
  for (let t = logs.length - 1; t >= 0; t--) {
    path.unshift(s);
    const [stay, step, skip] = [0, 1, 2].map((by) => way(scores[t], s, by));
    if (stay < Math.max(step, skip)) s -= skip > step ? 2 : 1;
  }
  return { path, score };
}

function softmaxed(values) {
  const total = logAdd(values);
  return values.map((value) => (total === NEVER ? 0 : Math.exp(value - total)));
}

// Everything about one target: logs (T, C) are the frames' log-probabilities.
function lattice(logs, target) {
  const states = extend(target), C = logs[0].length;
  const alphas = forwardVariables(logs, states), betas = backwardVariables(logs, states);
  const occupancy = alphas.map((row, t) => softmaxed(row.map((alpha, s) => alpha + betas[t][s])));
  const total = logAdd(alphas.at(-1).slice(-2));
  const posterior = occupancy.map((row) => {
    const sums = Array(C).fill(0);
    row.forEach((share, s) => (sums[states[s]] += share));
    return sums;
  });
  // What gradient descent adds to each logit, per unit of learning rate; nothing where the target has no path.
  const pull = posterior.map((row, t) => row.map((share, c) => (total === NEVER ? 0 : share - Math.exp(logs[t][c]))));
  return { states, skips: skipsInto(states), alphas, betas, occupancy, posterior, pull, total, best: bestPath(logs, states) };
}

// The posterior of the move from state s in frame t to state r in the next.
function moveShare({ alphas, betas, states, total }, logs, t, s, r) {
  return total === NEVER ? 0 : Math.exp(alphas[t][s] + logs[t + 1][states[r]] + betas[t + 1][r] - total);
}

const greedyPath = (logs) => logs.map((row) => row.indexOf(Math.max(...row)));

// The best `beam` prefixes after each frame, each with the mass of its paths that end in the blank, and in its last
// label; `from` holds the places of those it came from in the frame before.
function prefixBeam(logs, beam) {
  let prefixes = [{ labels: [], blank: 0, label: NEVER, total: 0, from: [] }];
  return logs.map((row) => {
    const found = new Map();
    const at = (labels) => {
      const key = labels.join();
      if (!found.has(key)) found.set(key, { labels, blank: [], label: [], from: [] });
      return found.get(key);
    };
    prefixes.forEach(({ labels, blank, label, total }, place) => {
      const last = labels.at(-1), stays = at(labels);
      stays.blank.push(total + row[0]);
      stays.from.push(place);
      if (last) stays.label.push(label + row[last]);
      for (let symbol = 1; symbol < row.length; symbol++) {
        const mass = (symbol === last ? blank : total) + row[symbol];
        if (mass === NEVER) continue;
        const longer = at([...labels, symbol]);
        longer.label.push(mass);
        longer.from.push(place);
      }
    });
    const all = [...found.values()].map(({ labels, blank, label, from }) => {
      const masses = [logAdd([NEVER, ...blank]), logAdd([NEVER, ...label])];
      return { labels, blank: masses[0], label: masses[1], total: logAdd(masses), from };
    });
    return (prefixes = all.filter(({ total }) => total > NEVER).sort((a, b) => b.total - a.total).slice(0, beam));
  });
}

// The best `beam` paths, not merged.
function pathBeam(logs, beam) {
  let paths = [{ path: [], score: 0 }];
  for (const row of logs) {
    const longer = paths.flatMap(({ path, score }) => row.map((log, c) => ({ path: [...path, c], score: score + log })));
    paths = longer.sort((a, b) => b.score - a.score).slice(0, beam);
  }
  return paths.filter(({ score }) => score > NEVER);
}
