// Placing the music by hand: mark the same moment in both players, then nudge while listening.
// reference_time = speed * dance_time + offset (seconds)
// data: { words, dance, reference, offset, speed }. State sent back: "offset" (seconds).

const views = new WeakMap();
const clamp = (x, low, high) => Math.min(high, Math.max(low, x));

export default function (component) {
  const { parentElement } = component;
  let view = views.get(parentElement);
  if (!view) {
    view = create(parentElement.querySelector(".place"));
    views.set(parentElement, view);
  }
  view.update(component);
  return () => { view.destroy(); views.delete(parentElement); };
}

function create(root) {
  const find = (name) => root.querySelector(`.${name}`);
  const dance = find("dance"), reference = find("reference");
  let data = null, offset = null, given, marks = {}, timer = null, emit = () => {}, sending = null;

  function paint() {
    const words = data.words;
    find("value").textContent = offset === null ? "–" : `${words.offset} ${offset >= 0 ? "+" : "−"}${Math.abs(offset).toFixed(3)} s`;
    root.dataset.offset = offset === null ? "" : offset.toFixed(3);
    find("listen").textContent = timer ? words.stop : words.listen;
    find("listen").disabled = offset === null;
    for (const [name, player] of [["dance", dance], ["reference", reference]]) {
      const at = marks[name];
      find(`mark-${name}`).textContent = at === undefined ? words.mark : words.marked.replace("{at}", at.toFixed(2));
      find(`mark-${name}`).setAttribute("aria-pressed", String(at !== undefined));
      player.setAttribute("aria-label", words[name]);
    }
  }

  function set(value) {
    offset = value;
    paint();
    clearTimeout(sending);
    sending = setTimeout(() => emit(Number(value.toFixed(4))), 400);
  }

  function steer() {
    // The dance leads, silent; the reference follows where it belongs.
    const goal = data.speed * dance.currentTime + offset, off = goal - reference.currentTime;
    const inside = goal >= 0 && goal < (reference.duration || 0);
    if (dance.paused || dance.ended || !inside) { if (!reference.paused) reference.pause(); }
    else if (reference.paused) reference.play().catch(() => {});
    if (inside && Math.abs(off) > 0.12) { if (!reference.seeking) reference.currentTime = goal; }
    reference.playbackRate = Math.abs(off) > 0.005 ? data.speed * (1 + clamp(off * 0.5, -0.04, 0.04)) : data.speed;
  }

  function listen(on) {
    clearInterval(timer);
    timer = null;
    dance.muted = on;
    if (on) {
      reference.muted = false;
      dance.play().catch(() => {});
      timer = setInterval(steer, 60);
      steer();
    } else { dance.pause(); reference.pause(); }
    paint();
  }

  for (const [name, player] of [["dance", dance], ["reference", reference]]) {
    find(`mark-${name}`).onclick = () => {
      marks[name] = player.currentTime;
      if (marks.dance !== undefined && marks.reference !== undefined) {
        set(marks.reference - data.speed * marks.dance);
      } else paint();
    };
  }
  for (const button of root.querySelectorAll("[data-by]")) {
    button.onclick = () => set((offset ?? 0) + Number(button.dataset.by));
  }
  find("listen").onclick = () => listen(!timer);

  return {
    update({ data: now, setStateValue }) {
      const first = data === null;
      data = now;
      emit = (value) => setStateValue("offset", value);
      find("help").textContent = data.words.help;
      find("dance-name").textContent = data.words.dance;
      find("reference-name").textContent = data.words.reference;
      for (const button of root.querySelectorAll("[data-by]")) {
        const by = Math.round(Number(button.dataset.by) * 1000);
        button.textContent = `${by > 0 ? "+" : "−"}${Math.abs(by)}`;
        button.setAttribute("aria-label", data.words.nudge.replace("{ms}", String(by)));
      }
      if (first) { dance.src = data.dance; reference.src = data.reference; }
      if (given !== data.offset) { given = data.offset; offset = data.offset ?? offset; }  // another candidate
      paint();
    },
    destroy() {
      clearInterval(timer);
      clearTimeout(sending);
      dance.pause();
      reference.pause();
    },
  };
}
