// Record the learner's voice, or take a file, and hand Python float32 samples at the model's rate.

// Runs in the audio thread: sends the sound on in blocks of 2,048 samples. (One message for each 128 that the browser
// hands over would be hundreds a second, more than a busy machine redraws.)
const TAP = `registerProcessor("course-tap", class extends AudioWorkletProcessor {
  block = new Float32Array(2048);
  filled = 0;
  process([[channel]]) {
    if (!channel) return true;
    if (this.filled + channel.length > this.block.length) {
      this.port.postMessage(this.block.slice(0, this.filled));
      this.filled = 0;
    }
    this.block.set(channel, this.filled);
    this.filled += channel.length;
    return true;
  }
});`;
const PATIENCE = 8000; // milliseconds without any sound before the microphone counts as mute

// Why there is no microphone, and what to do.
function microphoneTrouble(error) {
  const inEditor = location.protocol === "vscode-webview:" || / Code\//.test(navigator.userAgent);
  if (inEditor) return "VS Code keeps notebooks from the microphone: open the lesson in a browser (course lab), or choose a sound file below.";
  if (!window.isSecureContext || !navigator.mediaDevices)
    return "Browsers give the microphone only to pages from https:// or localhost: open the lesson there, or choose a sound file below.";
  const said = {
    NotAllowedError: "The browser was not allowed to use the microphone: allow it in the address bar and try again, or choose a sound file below.",
    NotFoundError: "No microphone was found: connect one and try again, or choose a sound file below.",
    NotReadableError: "Another program holds the microphone: close it and try again, or choose a sound file below.",
  };
  return said[error?.name] || `The microphone did not start (${error?.message || error}): choose a sound file below instead.`;
}

async function resampled(samples, from, to) {
  const context = new OfflineAudioContext(1, Math.max(1, Math.round((samples.length * to) / from)), to);
  const buffer = context.createBuffer(1, samples.length, from);
  buffer.copyToChannel(samples, 0);
  const source = new AudioBufferSourceNode(context, { buffer });
  source.connect(context.destination);
  source.start();
  return (await context.startRendering()).getChannelData(0);
}

// Record for `seconds`; `level(peak, share)` is called as the sound comes in. Releases the microphone at the end.
async function record(seconds, level) {
  if (!window.isSecureContext || !navigator.mediaDevices) throw new Error("not a secure page");
  const stream = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: false, noiseSuppression: false } });
  const context = new AudioContext();
  try {
    // a blob's address would not do: a page opened from a file has no origin to load it from
    await context.audioWorklet.addModule(`data:text/javascript,${encodeURIComponent(TAP)}`);
    const source = context.createMediaStreamSource(stream), tap = new AudioWorkletNode(context, "course-tap");
    const wanted = Math.round(seconds * context.sampleRate), samples = new Float32Array(wanted);
    let filled = 0;
    source.connect(tap);
    context.resume(); // not awaited: where it never starts, the patience below ends it
    await new Promise((resolve, reject) => {
      const giveUp = () => reject(new Error("it sends no sound"));
      let silent = setTimeout(giveUp, PATIENCE);
      tap.port.onmessage = ({ data }) => {
        clearTimeout(silent);
        const room = data.subarray(0, wanted - filled);
        samples.set(room, filled);
        filled += room.length;
        level(loudest(data), filled / wanted);
        if (filled === wanted) resolve();
        else silent = setTimeout(giveUp, PATIENCE);
      };
    });
    return { samples, rate: context.sampleRate };
  } finally {
    stream.getTracks().forEach((track) => track.stop());
    context.close();
  }
}

async function readSoundFile(file, most) {
  const context = new AudioContext();
  try {
    const sound = await context.decodeAudioData(await file.arrayBuffer());
    const mixed = new Float32Array(Math.min(sound.length, Math.round(most * sound.sampleRate)));
    for (let channel = 0; channel < sound.numberOfChannels; channel++)
      sound.getChannelData(channel).subarray(0, mixed.length).forEach((value, k) => (mixed[k] += value / sound.numberOfChannels));
    return { samples: mixed, rate: sound.sampleRate };
  } finally {
    context.close();
  }
}

// The panel itself, in `parent`; `el` is the widget's element, whose redraws it counts. Returns its clean-up.
function microphonePanel(model, el, parent) {
  const rate = model.get("sample_rate"), seconds = model.get("seconds");
  const id = `course-file-${Date.now()}-${serial++}`;
  const button = keepKeys(element("button", { type: "button", class: "main", onclick: speak }, `● Record ${seconds} s`));
  const listenButton = keepKeys(element("button", { type: "button", onclick: playBack, disabled: true }, "▶ Play it back"));
  const level = element("meter", { min: 0, max: 1, low: 0.05, high: 0.98, optimum: 0.5, value: 0, id: `${id}-level` });
  const file = keepKeys(element("input", { type: "file", id, accept: "audio/*,.wav,.flac,.ogg,.opus,.mp3,.m4a", onchange: () => take() }));
  const status = element("p", { class: "figures", role: "status" });
  const warning = element("p", { class: "warn", role: "alert" });
  const canvas = element("canvas", { role: "img", "aria-label": "No sound yet." });
  parent.append(
    element("div", { class: "course-row" }, button, listenButton,
      element("span", { class: "together" }, element("label", { htmlFor: level.id }, "Level"), level)),
    element("div", { class: "course-row" }, element("label", { htmlFor: id }, "or a sound file"), file),
    canvas, status, warning);
  let samples = model.get("samples")?.byteLength ? floats(model.get("samples")) : null;

  async function attempt(work, explain) {
    button.disabled = true;
    warning.textContent = "";
    try {
      const sound = await work();
      await keep(await resampled(sound.samples, sound.rate, rate));
    } catch (error) {
      status.textContent = "";
      warning.textContent = explain(error);
      drawn(el);
    } finally {
      button.disabled = false;
      level.value = 0;
    }
  }
  const listenIn = () => record(seconds, (peak, share) => {
    level.value = Math.max(peak, level.value * 0.9);
    status.textContent = `Speak now … ${(seconds * (1 - share)).toFixed(1)} s`;
  });
  function speak() {
    status.textContent = "Waiting for the microphone …";
    attempt(listenIn, microphoneTrouble);
  }
  function take() {
    if (file.files.length)
      attempt(() => readSoundFile(file.files[0], model.get("most_seconds")), () => `${file.files[0].name} is no sound file that this browser reads: try WAV, FLAC, OGG or MP3.`);
  }

  function keep(sound) {
    samples = sound;
    const peak = loudest(samples);
    if (peak > 1) samples = samples.map((sample) => sample / peak); // resampling may overshoot
    tellNow(model, "samples", new DataView(samples.slice().buffer));
    show();
    if (peak < 0.01) warning.textContent = "That was silence: is the right microphone chosen, and not muted?";
    else if (peak > 0.98) warning.textContent = "That was too loud and is clipped: speak softer, or from further away.";
  }

  function playBack() {
    if (window.courseSound && listenButton.textContent.startsWith("■")) return window.courseSound.stop();
    const playing = playSound(samples, rate);
    listenButton.textContent = "■ Stop";
    playing.ended.then(() => (listenButton.textContent = "▶ Play it back"));
  }

  function show() {
    const colours = theme(el), width = parent.clientWidth, height = samples ? 56 : 0;
    const context = fit(canvas, width, height);
    listenButton.disabled = !samples;
    if (samples) {
      const length = samples.length / rate, peak = loudest(samples);
      strokeWave(context, samples, { left: 0, top: 2, width, height: height - 4, peak, colour: colours.dark ? "#9FB8CF" : PALETTE.models.signal });
      status.textContent = `${length.toFixed(2)} s at ${rate.toLocaleString("en")} Hz, at most ${peak.toFixed(2)} of full scale.`;
      canvas.setAttribute("aria-label", `Recorded wave: ${status.textContent}`);
    }
    drawn(el);
  }
  const stopWatching = watch(el, show);
  show();
  return () => (stopWatching(), window.courseSound?.stop());
}

function renderMicrophone({ model, el }) {
  el.classList.add("course-widget", "course-microphone");
  const panel = element("section");
  el.append(panel);
  return microphonePanel(model, el, panel);
}
