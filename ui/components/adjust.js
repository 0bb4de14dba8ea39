// The dance's picture with the result's sound, moved live.
//
// The sound is a second element that runs LEAD seconds ahead of the picture and is held back
// by a delay of LEAD + nudge: so it can be moved both ways, at once and without a gap.
// data: { words, picture, sound, start, made, limit, room }
//   start: seconds on the dance's line at the result's 0; made: nudge already in the result (ms)
//   room: linear gain of the dance's own sound. State sent back: "nudge" (ms).

const views = new WeakMap();
const LEAD = 0.6;
const clamp = (x, low, high) => Math.min(high, Math.max(low, x));

export default function (component) {
  const { parentElement } = component;
  let view = views.get(parentElement);
  if (!view) {
    view = create(parentElement.querySelector(".adjust"));
    views.set(parentElement, view);
  }
  view.update(component);
  return () => { view.destroy(); views.delete(parentElement); };
}

function create(root) {
  const find = (name) => root.querySelector(`.${name}`);
  const picture = find("picture"), sound = find("sound"), seek = find("seek"), slider = find("nudge");
  let data = null, nudge = 0, emit = () => {}, timer = null, sending = null, dragging = false;
  let context = null, delay = null, room = null;

  const clock = (s) => `${Math.floor(s / 60)}:${(s % 60).toFixed(1).padStart(4, "0")}`;
  const goal = () => picture.currentTime - data.start + LEAD;
  const more = () => (nudge - data.made) / 1000;

  function wire() {
    if (context) return;
    context = new AudioContext({ latencyHint: "interactive" });
    delay = context.createDelay(2);
    room = context.createGain();
    context.createMediaElementSource(sound).connect(delay).connect(context.destination);
    // The dance's own sound waits for nothing: it belongs to the picture.
    context.createMediaElementSource(picture).connect(room).connect(context.destination);
    picture.muted = false;
    apply();
  }

  function apply() {
    if (!delay) return;
    const now = context.currentTime;
    delay.delayTime.setTargetAtTime(clamp(LEAD + more(), 0, 2), now, 0.01);
    room.gain.setTargetAtTime(data.room, now, 0.02);
    root.dataset.delay = String(clamp(LEAD + more(), 0, 2));
  }

  function steer() {
    const off = goal() - sound.currentTime, playing = !picture.paused && !picture.ended;
    const inside = goal() >= 0 && goal() < (sound.duration || 0);
    if (playing && inside && sound.paused) sound.play().catch(() => {});
    if ((!playing || !inside) && !sound.paused) sound.pause();
    if (Math.abs(off) > 0.15) {
      if (inside && !sound.seeking) sound.currentTime = goal();
      sound.playbackRate = 1;
    } else {
      sound.playbackRate = playing && Math.abs(off) > 0.003 ? 1 + clamp(off * 0.5, -0.02, 0.02) : 1;
    }
    paint();
  }

  function paint() {
    seek.max = String(picture.duration || 1);
    if (!dragging) seek.value = String(picture.currentTime);
    find("time").textContent = clock(picture.currentTime);
    find("play").textContent = picture.paused ? data.words.play : data.words.pause;
    slider.value = String(nudge);
    const said = `${nudge > 0 ? "+" : ""}${nudge} ms`;
    find("value").textContent = said;
    slider.setAttribute("aria-valuetext", said);
    root.dataset.nudge = String(nudge);
  }

  function set(value) {
    nudge = clamp(Math.round(value), -data.limit, data.limit);
    apply();
    paint();
    clearTimeout(sending);
    sending = setTimeout(() => emit(nudge), 400);
  }

  find("play").onclick = async () => {
    wire();
    await context.resume();
    if (picture.paused) await picture.play().catch(() => {}); else picture.pause();
    clearInterval(timer);
    timer = picture.paused ? null : setInterval(steer, 60);
    steer();
  };
  picture.onended = () => { clearInterval(timer); steer(); };
  picture.onloadedmetadata = () => paint();
  seek.oninput = () => { dragging = true; picture.currentTime = Number(seek.value); };
  seek.onchange = () => { dragging = false; steer(); };
  slider.oninput = () => set(Number(slider.value));
  for (const button of root.querySelectorAll("[data-by]")) {
    button.onclick = () => set(nudge + Number(button.dataset.by));
  }
  find("reset").onclick = () => set(data.made);

  return {
    update({ data: given, setStateValue }) {
      const first = data === null;
      data = given;
      emit = (value) => setStateValue("nudge", value);
      const words = data.words;
      root.setAttribute("aria-label", words.title);
      seek.setAttribute("aria-label", words.seek);
      slider.setAttribute("aria-label", words.nudge);
      slider.min = String(-data.limit);
      slider.max = String(data.limit);
      find("reset").textContent = words.reset;
      find("help").textContent = words.help;
      for (const button of root.querySelectorAll("[data-by]")) {
        const by = Number(button.dataset.by);
        button.textContent = `${by > 0 ? "+" : "−"}${Math.abs(by)}`;
        button.setAttribute("aria-label", (by > 0 ? words.later : words.earlier).replace("{ms}", Math.abs(by)));
      }
      if (first) {
        nudge = data.made;
        picture.src = data.picture;
        sound.src = data.sound;
      }
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
