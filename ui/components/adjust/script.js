// A result with other options, heard before it is made: the dance's picture and own sound, and
// the song, mixed here by the outline that the server gives (ui/preview.py).
//
// The song is a second element that runs LEAD seconds ahead of the picture and is held back by
// a delay of LEAD + nudge: so it can be moved both ways, at once and without a gap.
// data: { words, picture, aspect, sound, song, pieces, start, end, made, nudge, limit, room, ducking }
//   start, end: what is kept of the dance (its own seconds); pieces: see ui/preview.py
//   made: nudge already in the song's file (ms); nudge: that of the present result (ms)
//   song: the kind of file that sound is; room: linear gain of the dance's own sound under the song
// State sent back: "nudge" (ms); "failed", the files that this browser cannot play.

const LEAD = 0.6;
const SILENT_AFTER_MS = 1000;
const clamp = (x, low, high) => Math.min(high, Math.max(low, x));

export default (component) => show(component, create);

function create(root) {
  const find = (name) => root.querySelector(`.${name}`);
  const picture = find("picture"), sound = find("sound"), seek = find("seek"), slider = find("nudge");
  let data = null, nudge = 0, send = () => {}, timer = null, sending = null, unsent = false, dragging = false;
  let context = null, delay = null, song = null, room = null, meter = null, failed = new Set();

  const clock = (seconds) => {
    const s = Number(seconds.toFixed(1));  // rounded first: 119.97 s is 2:00.0, not 1:60.0
    return `${Math.floor(s / 60)}:${(s % 60).toFixed(1).padStart(4, "0")}`;
  };
  const more = () => (nudge - data.made) / 1000;
  const last = () => Math.min(data.end, picture.duration || Infinity);
  const pieceAt = (time) => data.pieces.find((p) => time >= p.start && time < p.end);

  function wire() {
    if (context) return;
    context = new AudioContext({ latencyHint: "interactive" });
    delay = context.createDelay(2);
    [song, room, meter] = [context.createGain(), context.createGain(), context.createAnalyser()];
    meter.fftSize = 2048;
    song.gain.value = room.gain.value = 0;
    context.createMediaElementSource(sound).connect(delay).connect(song).connect(context.destination);
    song.connect(meter);
    // The dance's own sound waits for nothing: it belongs to the picture.
    context.createMediaElementSource(picture).connect(room).connect(context.destination);
    picture.muted = false;
    apply();
  }

  // How far the song pushes the room's sound down, as the result's mix does.
  function ducked() {
    const samples = new Float32Array(meter.fftSize), d = data.ducking;
    meter.getFloatTimeDomainData(samples);
    const power = samples.reduce((sum, x) => sum + x * x, 0) / samples.length;
    return 10 ** (-clamp(d.slope * (10 * Math.log10(power + 1e-12) - d.threshold), 0, d.depth) / 20);
  }

  function apply() {
    const piece = pieceAt(picture.currentTime);
    const gains = !piece ? [0, 0] : piece.song ? [piece.gain, data.room] : [0, 1];
    find("now").textContent = !piece ? "" : piece.song ? data.words.now_song : data.words.now_original;
    if (!context) return;
    const now = context.currentTime, lower = gains[0] && gains[1] ? ducked() : 1;
    delay.delayTime.setTargetAtTime(clamp(LEAD + more(), 0, 2), now, 0.01);
    song.gain.setTargetAtTime(gains[0], now, 0.012);
    room.gain.setTargetAtTime(gains[1] * lower, now, lower < 1 ? 0.05 : 0.012);
    Object.assign(root.dataset, {
      song: song.gain.value.toFixed(4), room: room.gain.value.toFixed(4),
      delay: delay.delayTime.value.toFixed(4), time: picture.currentTime.toFixed(2),
    });
  }

  function steer() {
    const playing = !picture.paused && !picture.ended, ahead = picture.currentTime + LEAD;
    if (playing && picture.currentTime >= last()) { setPlaying(false); return; }
    // The piece that will be heard when this moment of the song has come through the delay.
    const piece = pieceAt(ahead + more()), goal = piece && piece.song ? piece.at + (ahead - piece.start) * piece.rate : -1;
    const inside = goal >= 0 && goal < (sound.duration || 0);
    if (playing && inside && sound.paused) sound.play().catch(() => {});
    if ((!playing || !inside) && !sound.paused) sound.pause();
    if (inside) {
      const off = goal - sound.currentTime;
      sound.preservesPitch = piece.keep_pitch;
      if (Math.abs(off) > 0.15) {
        if (!sound.seeking) sound.currentTime = goal;
        sound.playbackRate = piece.rate;
      } else {
        const push = playing && Math.abs(off) > 0.003 ? 1 + clamp(off * 0.5, -0.02, 0.02) : 1;
        sound.playbackRate = piece.rate * push;
      }
    }
    apply();
    paint();
  }

  function paint() {
    seek.min = String(data.start);
    seek.max = String(Number.isFinite(last()) ? last() : data.end);
    if (!dragging) seek.value = String(picture.currentTime);
    seek.setAttribute("aria-valuetext", clock(picture.currentTime));
    find("time").textContent = clock(picture.currentTime);
    find("play").textContent = picture.paused ? data.words.play : data.words.pause;
    slider.value = String(nudge);
    find("reset").disabled = nudge === data.nudge;
    const said = `${nudge > 0 ? "+" : ""}${nudge} ms`;
    find("value").textContent = said;
    slider.setAttribute("aria-valuetext", said);
    root.dataset.nudge = String(nudge);
    root.dataset.playing = String(!picture.paused);
  }

  function parts() {
    const length = data.end - data.start || 1;
    find("parts").replaceChildren(...data.pieces.map((piece) => {
      const part = document.createElement("span");
      part.classList.toggle("of-song", piece.song);
      part.style.left = `${(100 * (piece.start - data.start)) / length}%`;
      part.style.width = `${(100 * (piece.end - piece.start)) / length}%`;
      return part;
    }));
  }

  function emit() {
    clearTimeout(sending);
    unsent = false;
    send("nudge", nudge);
  }

  function set(value) {
    nudge = clamp(Math.round(value), -data.limit, data.limit);
    unsent = true;
    apply();
    paint();
    clearTimeout(sending);
    sending = setTimeout(emit, 400);
  }

  // A result and the song itself have other times: the steering finds its place again. Another copy of
  // the same is no reason to break off what plays.
  function takeSound(other) {
    if (sound.getAttribute("src") !== data.sound && (other || picture.paused)) sound.src = data.sound;
  }

  function within() {
    const at = picture.currentTime;
    if (at < data.start - 0.05 || at >= last() - 0.05) picture.currentTime = data.start;
  }

  async function setPlaying(on) {
    if (on) {
      if (navigator.audioSession) navigator.audioSession.type = "playback";  // also where a phone is on silent
      takeSound(false);
      wire();
      // Without a sound device some browsers never answer; the picture need not wait for it.
      context.resume().catch(() => {});
      setTimeout(() => { if (context) find("silent").textContent = context.state === "suspended" ? data.words.no_sound : ""; }, SILENT_AFTER_MS);
      within();
      // Both within the tap: later, some browsers no longer believe that a person asked for it.
      const began = picture.play();
      sound.play().catch(() => {});
      await began.catch(() => {});
    } else picture.pause();
    clearInterval(timer);
    timer = picture.paused ? null : setInterval(steer, 60);
    steer();
  }

  function lost(name) {
    if (failed.has(name)) return;
    failed.add(name);
    send("failed", [...failed]);
  }

  find("play").onclick = () => setPlaying(picture.paused);
  picture.onended = () => setPlaying(false);
  picture.onloadedmetadata = () => {
    // Chromium plays the sound of an HEVC film without a word about the missing picture.
    if (!picture.videoWidth) lost("original");
    within();
    paint();
  };
  picture.onerror = () => lost("original");
  sound.onerror = () => lost(data.song);
  seek.oninput = () => { dragging = true; picture.currentTime = Number(seek.value); apply(); };
  seek.onchange = () => { dragging = false; steer(); };
  slider.oninput = () => set(Number(slider.value));
  for (const button of root.querySelectorAll("[data-by]")) {
    button.onclick = () => set(nudge + Number(button.dataset.by));
  }
  find("reset").onclick = () => set(data.nudge);
  // Who goes for the Save button takes the last step along.
  for (const event of ["focusout", "pointerleave"]) root.addEventListener(event, () => { if (unsent) emit(); });

  function label(words) {
    root.setAttribute("aria-label", words.title);
    seek.setAttribute("aria-label", words.seek);
    slider.setAttribute("aria-label", words.nudge);
    slider.min = String(-data.limit);
    slider.max = String(data.limit);
    find("reset").textContent = words.reset;
    find("sooner").textContent = words.sooner;
    find("after").textContent = words.after;
    for (const button of root.querySelectorAll("[data-by]")) {
      const by = Number(button.dataset.by);
      button.textContent = `${by > 0 ? "+" : "−"}${Math.abs(by)}`;
      button.setAttribute("aria-label", (by > 0 ? words.later : words.earlier).replace("{ms}", Math.abs(by)));
    }
  }

  return {
    update({ data: given, setStateValue }) {
      const before = data;
      data = given;
      send = setStateValue;
      label(data.words);
      root.style.setProperty("--aspect", data.aspect);
      if (!before) nudge = data.nudge;
      if (data.picture !== before?.picture) {
        const at = picture.currentTime;
        picture.src = data.picture;
        if (at) picture.currentTime = at;
      }
      takeSound(data.song !== before?.song);
      if (picture.readyState) within();
      parts();
      apply();
      paint();
    },
    destroy() {
      clearInterval(timer);
      clearTimeout(sending);
      picture.pause();
      sound.pause();
      if (context) context.close();
    },
  };
}
