// Speech features computed in the browser at each move, and speech made from them again: the package's chain, in
// double precision (course_utils/algorithms: features, cepstra, resynthesis, sampling).
const N_FFT = 512;
const MEL = { from: (hertz) => 2595 * Math.log10(1 + hertz / 700), to: (mel) => 700 * (10 ** (mel / 2595) - 1) };

// The Fourier transform in place (Cooley and Tukey 1965); its inverse is the same with real and imaginary swapped.
const TURN = Array.from({ length: N_FFT / 2 }, (_, k) => (-2 * Math.PI * k) / N_FFT);
const COSINE = Float64Array.from(TURN, Math.cos), SINE = Float64Array.from(TURN, Math.sin);
const REVERSED = Int32Array.from({ length: N_FFT }, (_, k) => {
  let turned = 0;
  for (let bit = 1; bit < N_FFT; bit *= 2) turned = turned * 2 + (k & bit ? 1 : 0);
  return turned;
});
function transform(real, imaginary) {
  for (let i = 0; i < N_FFT; i++) {
    const j = REVERSED[i];
    if (i >= j) continue;
    const re = real[i], im = imaginary[i];
    (real[i] = real[j]), (imaginary[i] = imaginary[j]);
    (real[j] = re), (imaginary[j] = im);
  }
  for (let half = 1; half < N_FFT; half *= 2) {
    const stride = N_FFT / (2 * half);
    for (let start = 0; start < N_FFT; start += 2 * half)
      for (let k = 0; k < half; k++) {
        const c = COSINE[k * stride], s = SINE[k * stride], a = start + k, b = a + half;
        const re = real[b] * c - imaginary[b] * s, im = real[b] * s + imaginary[b] * c;
        (real[b] = real[a] - re), (imaginary[b] = imaginary[a] - im);
        (real[a] += re), (imaginary[a] += im);
      }
  }
}

function hann(window) {
  const fade = new Float64Array(N_FFT), before = (N_FFT - window) >> 1;
  for (let n = 0; n < window; n++) fade[before + n] = 0.5 - 0.5 * Math.cos((2 * Math.PI * n) / window);
  return fade;
}

function emphasised(samples, coefficient) {
  const found = Float64Array.from(samples);
  for (let n = found.length - 1; n > 0; n--) found[n] -= coefficient * found[n - 1];
  return found;
}

// One frame after the other: use(t, real, imaginary) reads the spectrum of the frame centred on sample t · hop.
function eachSpectrum(samples, fade, hop, use) {
  const last = samples.length - 1, mirror = (n) => (n < 0 ? -n : n > last ? 2 * last - n : n);
  const real = new Float64Array(N_FFT), imaginary = new Float64Array(N_FFT);
  for (let t = 0; t * hop <= samples.length; t++) {
    for (let n = 0; n < N_FFT; n++) real[n] = fade[n] ? fade[n] * samples[mirror(t * hop + n - N_FFT / 2)] : 0;
    imaginary.fill(0);
    transform(real, imaginary);
    use(t, real, imaginary);
  }
}

// Powers (T, N_FFT / 2 + 1), two frames in each transform: the one real, the other imaginary. The spectrum of a real
// frame is its own mirror image, conjugated, so that the sum and the difference with the mirror image part the two.
function powers(samples, fade, hop) {
  const last = samples.length - 1, T = Math.floor(samples.length / hop) + 1, rows = [];
  const parts = [new Float64Array(N_FFT), new Float64Array(N_FFT)], [real, imaginary] = parts;
  for (let t = 0; t < T; t += 2) {
    parts.forEach((part, one) => {
      const start = (t + one) * hop - N_FFT / 2;
      for (let n = 0; n < N_FFT; n++) {
        const at = start + n;
        part[n] = fade[n] && fade[n] * samples[at < 0 ? -at : at > last ? Math.max(2 * last - at, 0) : at];
      }
    });
    transform(real, imaginary);
    const pair = [new Float64Array(N_FFT / 2 + 1), new Float64Array(N_FFT / 2 + 1)];
    for (let k = 0; k <= N_FFT / 2; k++) {
      const mirror = (N_FFT - k) % N_FFT;
      pair[0][k] = ((real[k] + real[mirror]) ** 2 + (imaginary[k] - imaginary[mirror]) ** 2) / 4;
      pair[1][k] = ((real[k] - real[mirror]) ** 2 + (imaginary[k] + imaginary[mirror]) ** 2) / 4;
    }
    rows.push(...pair);
  }
  return rows.slice(0, T);
}

// Each mel band as {first, weights}: the frequencies under its triangle.
function melBands(count, rate) {
  const top = MEL.from(rate / 2), corner = (m) => MEL.to((m * top) / (count + 1)), step = rate / N_FFT;
  return Array.from({ length: count }, (_, m) => {
    const [low, middle, high] = [corner(m), corner(m + 1), corner(m + 2)];
    const first = Math.ceil(low / step), weights = [];
    for (let k = first; k <= N_FFT / 2 && k * step < high; k++)
      weights.push(Math.max(0, Math.min((k * step - low) / (middle - low), (high - k * step) / (high - middle))));
    return { first, weights };
  });
}

// Mel powers (T, M), one row a frame, of powers (T, N_FFT / 2 + 1).
function melPowers(spectra, mels, rate) {
  const bands = melBands(mels, rate);
  return spectra.map((spectrum) => {
    const row = new Float64Array(mels);
    bands.forEach(({ first, weights }, m) => {
      for (let n = 0; n < weights.length; n++) row[m] += weights[n] * spectrum[first + n];
    });
    return row;
  });
}

// The power at each frequency that fits a frame's mel powers best, by least squares. Bands overlap only with their
// neighbours, so the normal equations have three diagonals and are solved in one pass down and one up.
function powerFrom(mels, bands) {
  const shared = (a, b) => a.weights.reduce((sum, weight, n) => sum + weight * (b.weights[a.first + n - b.first] || 0), 0);
  const M = bands.length, diagonal = bands.map((band) => shared(band, band)), beside = bands.map((band, m) => (m + 1 < M ? shared(band, bands[m + 1]) : 0));
  const solved = Float64Array.from(mels), power = new Float64Array(N_FFT / 2 + 1);
  for (let m = 1; m < M; m++) {
    const factor = beside[m - 1] / diagonal[m - 1];
    diagonal[m] -= factor * beside[m - 1];
    solved[m] -= factor * solved[m - 1];
  }
  for (let m = M - 1; m >= 0; m--) solved[m] = (solved[m] - (m + 1 < M ? beside[m] * solved[m + 1] : 0)) / diagonal[m];
  bands.forEach(({ first, weights }, m) => weights.forEach((weight, n) => (power[first + n] += weight * solved[m])));
  return power.map((value) => Math.max(value, 0));
}

// Spectra to a wave: each frame transformed back, faded again, laid where it stood (Griffin and Lim 1984, equation 6).
function layDown(spectra, fade, hop, length) {
  const wave = new Float64Array(length), weight = new Float64Array(length);
  const real = new Float64Array(N_FFT), imaginary = new Float64Array(N_FFT);
  spectra.forEach(([re, im], t) => {
    for (let k = 0; k <= N_FFT / 2; k++) {
      const edge = k === 0 || k === N_FFT / 2; // a real wave has no imaginary part there
      (real[k] = re[k]), (imaginary[k] = edge ? 0 : im[k]);
      if (!edge) (real[N_FFT - k] = re[k]), (imaginary[N_FFT - k] = -im[k]);
    }
    transform(imaginary, real);
    for (let n = 0; n < N_FFT; n++) {
      const at = t * hop + n - N_FFT / 2;
      if (at < 0 || at >= length || !fade[n]) continue;
      wave[at] += (fade[n] * real[n]) / N_FFT;
      weight[at] += fade[n] ** 2;
    }
  });
  return wave.map((value, n) => value / Math.max(weight[n], 1e-10));
}

// Mel powers to a wave: frequencies by least squares, phases by Griffin and Lim, pre-emphasis undone.
function resynthesised(rows, { window, hop, emphasis, rate, length }, rounds = 16, momentum = 0.99) {
  const bands = melBands(rows[0].length, rate), fade = hann(window), size = N_FFT / 2 + 1;
  const heights = rows.map((row) => powerFrom(row, bands).map(Math.sqrt));
  let guess = heights.map((height) => [Float64Array.from(height), new Float64Array(size)]), before = null;
  for (let round = 0; round < rounds; round++) {
    const found = [];
    eachSpectrum(layDown(guess, fade, hop, length), fade, hop, (t, real, imaginary) => found.push([real.slice(0, size), imaginary.slice(0, size)]));
    guess = heights.map((height, t) => {
      const re = new Float64Array(size), im = new Float64Array(size), pull = before ? momentum / (1 + momentum) : 0;
      for (let k = 0; k < size; k++) {
        const a = found[t][0][k] - pull * (before?.[t][0][k] ?? 0), b = found[t][1][k] - pull * (before?.[t][1][k] ?? 0);
        const share = height[k] / (Math.hypot(a, b) + 1e-16);
        (re[k] = a * share), (im[k] = b * share);
      }
      return [re, im];
    });
    before = found;
  }
  const wave = layDown(guess, fade, hop, length);
  for (let n = 1; n < length; n++) wave[n] += emphasis * wave[n - 1];
  return wave;
}

function renderFeatureWorkbench({ model, el }) {
  el.classList.add("course-widget");
  const data = model.get("data"), samples = floats(data.samples), rate = data.sample_rate, length = samples.length;
  const milliseconds = (count) => `${((1000 * count) / rate).toFixed(count % (rate / 1000) ? 1 : 0)} ms`;
  const names = ["window", "hop", "mels", "emphasis"];
  const settings = () => ({ ...Object.fromEntries(names.map((name) => [name, model.get(name)])), rate, length });
  const energy = Array.from({ length: 256 }, (_, k) => scale(PALETTE.energy)(k / 255));
  let now = settings(), rows = [], spectra = { of: "" }, look, waiting = 0;

  const control = (name, label, min, max, step, said) => slider({ label, min, max, step, value: now[name], said,
    oninput: (value) => ((now = { ...now, [name]: value }), soon()), onchange: (value) => tell(model, name, value) });
  const controls = {
    window: control("window", "Window", ...data.ranges.window, milliseconds),
    hop: control("hop", "Hop", ...data.ranges.hop, milliseconds),
    mels: control("mels", "Mel bands", ...data.ranges.mels, String),
    emphasis: control("emphasis", "Pre-emphasis", ...data.ranges.emphasis, (value) => value.toFixed(2)),
  };
  const canvas = element("canvas", { role: "img" });
  const readout = element("p", { class: "figures", "aria-live": "polite" });
  const warning = element("p", { class: "warn", role: "status" });
  const sounds = element("div", { class: "course-row" },
    keepKeys(element("button", { type: "button", class: "main", onclick: () => hear(fromFeatures) }, "▶ Play what the features keep")),
    keepKeys(element("button", { type: "button", onclick: () => hear(() => samples) }, "▶ Play the original")));
  el.append(...Object.values(controls).map(({ row }) => row), canvas, readout, sounds, warning);

  function fromFeatures() {
    const wave = resynthesised(rows, now), peak = loudest(wave);
    el.workbench.sound = Array.from(wave);
    return Float32Array.from(wave, (sample) => (peak ? (0.9 * sample) / peak : 0));
  }

  function hear(make) {
    warning.textContent = "";
    try {
      playSound(make(), rate);
    } catch (error) {
      warning.textContent = `This browser plays no sound (${error.message}).`;
    }
  }

  function soon() {
    waiting ||= requestAnimationFrame(() => ((waiting = 0), draw()));
  }
  function seen() { // what the page decides, and does not with each move
    look = { colours: theme(el), width: el.clientWidth - 30, font: getComputedStyle(el).fontFamily };
    soon();
  }

  // The spectra stay while only the bands change.
  function measure() {
    const { window, hop, mels, emphasis } = now, of = [window, hop, emphasis].join();
    if (spectra.of !== of) spectra = { of, rows: powers(emphasised(samples, emphasis), hann(window), hop) };
    rows = melPowers(spectra.rows, mels, rate);
    el.workbench = { get mels() { return rows.map((row) => Array.from(row)); } }; // a page's own script may read it
  }

  function draw() {
    measure();
    const { colours, width, font } = look, left = 46, tall = 190, height = tall + 40;
    const logs = rows.map((row) => row.map((power) => Math.log(Math.max(power, 1e-6))));
    let top = -Infinity;
    for (const row of logs) for (const log of row) if (log > top) top = log;
    const low = Math.max(top - data.depth, Math.log(1e-6)), step = 255 / (top - low || 1);
    const context = fit(canvas, width, height), M = now.mels, across = width - left - 6;
    context.imageSmoothingEnabled = false;
    const seconds = length / rate, shown = (rows.length * now.hop) / rate; // the last frame reaches beyond the sound
    context.save();
    context.beginPath();
    context.rect(left, 4, across, tall);
    context.clip();
    context.drawImage(pixels(M, rows.length, (row, t) => energy[Math.max(0, Math.round((logs[t][M - 1 - row] - low) * step))]), left, 4, (across * shown) / seconds, tall);
    context.restore();
    context.fillStyle = colours.soft;
    context.font = `11px ${font}`;
    context.textBaseline = "middle";
    context.textAlign = "right";
    for (const hertz of [250, 500, 1000, 2000, 4000].filter((hertz) => hertz <= rate / 2)) {
      const y = 4 + tall * (1 - MEL.from(hertz) / MEL.from(rate / 2));
      context.fillText(hertz, left - 8, Math.max(y, 10));
      context.fillRect(left - 5, y, 4, 1);
    }
    context.textAlign = "center";
    for (let t = 0; t < seconds - 0.05; t += 0.2) {
      context.fillRect(left + (across * t) / seconds, tall + 4, 1, 4);
      context.fillText(t.toFixed(1), left + (across * t) / seconds, tall + 16);
    }
    context.fillText("time (s), upwards frequency (Hz)", left + across / 2, tall + 31);
    const rateKept = Math.round((now.mels * rate) / now.hop);
    const said = `${rows.length} frames of ${milliseconds(now.window)} every ${milliseconds(now.hop)}, ${now.mels} bands: ${rateKept.toLocaleString("en")} numbers a second; the recording has ${rate.toLocaleString("en")}.`
      + (now.hop > now.window / 2 ? " The hop is more than half the window: some samples hardly count." : "");
    if (putWords(readout, said)) canvas.setAttribute("aria-label", `Log-mel spectrogram. ${said}`);
    drawn(el);
  }

  const stopListening = listen(model, Object.fromEntries(names.map((name) => [name, () => {
    if (model.get(name) === now[name]) return;
    now = settings();
    controls[name].move(now[name]);
    soon();
  }])));
  const stopWatching = watch(el, seen);
  seen();
  draw();
  return () => (stopListening(), stopWatching(), cancelAnimationFrame(waiting));
}
