// The time line of "place by hand": the dance's waveform above, the song's below it, on the
// dance's clock. The song's half is dragged (mouse, finger, arrow keys); the other half moves
// the view, and a click there the dance's player.
//
// waves: { dance, reference }, each { duration, step, levels (base64) } or null.

const SHORTEST = 1;      // seconds that the view shows at the closest zoom
const EDGE = 0.06;       // share of the view kept free beside what it shows
const RULER = 18;        // pixels
const CLICK = 4;         // pixels below which a press is a click

function decoded(wave) {
  if (!wave) return null;
  const text = atob(wave.levels), levels = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) levels[i] = text.charCodeAt(i);
  return { ...wave, levels };
}

// stage: the element; state(): { offset, speed, stretches, at, danceLength, songLength } (seconds)
//   stretches: where the song is played more than once, in place of offset and speed
// moved(seconds, settled): the song was moved along the line; clicked(time): go there
function createLine(stage, { state, moved, clicked, stepped }) {
  const canvas = stage.querySelector(".drawing"), song = stage.querySelector(".song");
  const paint = canvas.getContext("2d"), fingers = new Map();
  let waves = { dance: null, reference: null }, from = 0, span = 0, touched = false, asked = 0, press = null;

  const songStart = (s) => -s.offset / s.speed;
  const toX = (time) => ((time - from) / span) * canvas.clientWidth;
  const toTime = (x) => from + (x / canvas.clientWidth) * span;

  function extent() {
    const s = state();
    const single = s.offset !== null && !s.stretches.length;
    const low = single ? Math.min(0, songStart(s)) : 0;
    const ends = [s.danceLength, s.stretches.length ? 0 : s.offset === null ? s.songLength : songStart(s) + s.songLength / s.speed];
    const high = Math.max(...ends.filter(Number.isFinite), 1);
    return [low - EDGE * (high - low), (1 + 2 * EDGE) * (high - low)];
  }

  function whole() {
    touched = false;
    draw();
  }

  function zoom(factor, x) {
    const at = state().at, inView = at >= from && at <= from + span;
    const fixed = x === undefined ? (inView ? at : from + span / 2) : toTime(x);
    const next = Math.min(Math.max(span * factor, SHORTEST), extent()[1]);
    from = fixed - ((fixed - from) * next) / span;
    span = next;
    touched = true;
    draw();
  }

  function follow(time) {
    if (!touched || (time >= from && time <= from + span)) return;
    from = time - 0.1 * span;
  }

  function draw() {
    if (!asked) asked = requestAnimationFrame(drawNow);
  }

  function drawNow() {
    asked = 0;
    const width = canvas.clientWidth, height = canvas.clientHeight, dense = window.devicePixelRatio || 1;
    if (!width) return;
    if (!touched) [from, span] = extent();
    canvas.width = Math.round(width * dense);
    canvas.height = Math.round(height * dense);
    paint.setTransform(dense, 0, 0, dense, 0, 0);
    const style = getComputedStyle(stage), s = state();
    const ink = style.getPropertyValue("--st-text-color") || style.color;
    const colour = style.getPropertyValue("--st-primary-color") || ink;
    const middle = RULER + (height - RULER) / 2, tall = (height - RULER) / 2 - 3;
    ruler(ink, width, height);
    bars(waves.dance, (time) => time, ink, middle, -tall, width);
    if (s.offset !== null) {
      const whole = { start: songStart(s), end: songStart(s) + s.songLength / s.speed, offset: s.offset, speed: s.speed };
      let edge = 0;
      for (const one of s.stretches.length ? s.stretches : [whole]) {
        const [low, high] = [toX(one.start), Number.isFinite(one.end) ? toX(one.end) : width];
        bars(waves.reference, (time) => one.speed * time + one.offset, colour, middle, tall, width, low, high);
        gap(ink, edge, low, middle, height);
        edge = Math.max(edge, high);
      }
      gap(ink, edge, width, middle, height);
    }
    paint.fillStyle = ink;
    paint.fillRect(0, middle - 0.5, width, 1);
    paint.fillStyle = colour;
    paint.fillRect(toX(s.at) - 1, 0, 2, height);
    stage.dataset.span = span.toFixed(3);
    stage.dataset.from = from.toFixed(3);
  }

  // Where only one of the two is heard.
  function gap(ink, from, to, middle, height) {
    paint.fillStyle = ink;
    paint.globalAlpha = 0.1;
    paint.fillRect(from, middle, Math.max(0, to - from), height);
    paint.globalAlpha = 1;
  }

  function bars(wave, map, colour, middle, tall, width, low = 0, high = width) {
    if (!wave) return;
    paint.fillStyle = colour;
    for (let x = Math.max(0, Math.ceil(low)); x < Math.min(width, high); x++) {
      const first = Math.floor(map(toTime(x)) / wave.step);
      const last = Math.max(first + 1, Math.ceil(map(toTime(x + 1)) / wave.step));
      let level = 0;
      for (let i = Math.max(0, first); i < Math.min(last, wave.levels.length); i++) {
        if (wave.levels[i] > level) level = wave.levels[i];
      }
      if (level) paint.fillRect(x, middle, 1, (tall * level) / 255);
    }
  }

  function ruler(ink, width, height) {
    const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600];
    const step = steps.find((x) => (x / span) * width > 64) || 7200;
    paint.fillStyle = ink;
    paint.font = "11px sans-serif";
    for (let n = Math.ceil(from / step); n * step < from + span; n++) {
      const time = n * step, x = toX(time), all = Math.abs(time);
      paint.globalAlpha = 0.25;
      paint.fillRect(x, 0, 1, height);
      paint.globalAlpha = 1;
      const seconds = step < 1 ? (all % 60).toFixed(1).padStart(4, "0") : String(Math.round(all % 60)).padStart(2, "0");
      paint.fillText(`${time < 0 ? "−" : ""}${Math.floor(all / 60 + 1e-9)}:${seconds}`, x + 3, 12);
    }
  }

  function down(event) {
    if (event.button > 0) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, event.clientX);
    press = { song: event.currentTarget === song, x: event.clientX, far: 0 };
    if (press.song) song.focus({ preventScroll: true });
  }

  function move(event) {
    if (!fingers.has(event.pointerId) || !press) return;
    const before = [...fingers.values()];
    const by = event.clientX - fingers.get(event.pointerId);
    fingers.set(event.pointerId, event.clientX);
    if (fingers.size === 2) {
      const [a, b] = [...fingers.values()], old = Math.abs(before[0] - before[1]), now = Math.abs(a - b);
      if (old > 10 && now > 10) zoom(old / now, (a + b) / 2 - canvas.getBoundingClientRect().left);
      press.far = Infinity;
      return;
    }
    press.far = Math.max(press.far, Math.abs(event.clientX - press.x));
    const seconds = (by / canvas.clientWidth) * span;
    if (press.song) {
      touched = true;  // the line stands still while the song is moved along it
      moved(seconds, false);
    } else if (press.far > CLICK) {
      from -= seconds;
      touched = true;
    }
    draw();
  }

  function up(event) {
    if (!fingers.delete(event.pointerId) || !press || fingers.size) return;
    if (press.song) moved(0, true);
    if (press.far <= CLICK && event.type === "pointerup") {
      clicked(Math.max(0, toTime(event.clientX - canvas.getBoundingClientRect().left)));
    }
    press = null;
  }

  for (const part of [canvas, song]) {
    part.onpointerdown = down;
    part.onpointermove = move;
    part.onpointerup = up;
    part.onpointercancel = up;
  }
  stage.addEventListener("wheel", (event) => {
    if (event.ctrlKey) zoom(Math.exp(event.deltaY / 200), event.clientX - canvas.getBoundingClientRect().left);
    else if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      from += (event.deltaX / canvas.clientWidth) * span;
      touched = true;
      draw();
    } else return;
    event.preventDefault();
  }, { passive: false });
  song.onkeydown = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const size = event.key.startsWith("Page") ? 1 : event.shiftKey ? 0.01 : 0.1;
    if (["ArrowRight", "ArrowUp", "PageUp"].includes(event.key)) stepped(size);
    else if (["ArrowLeft", "ArrowDown", "PageDown"].includes(event.key)) stepped(-size);
    else if (event.key === "+" || event.key === "-") zoom(event.key === "+" ? 0.5 : 2);
    else return;
    event.preventDefault();
  };
  const watched = new ResizeObserver(draw);
  watched.observe(stage);

  return {
    draw, follow, whole, zoom,
    show(given) { waves = { dance: decoded(given.dance), reference: decoded(given.reference) }; draw(); },
    destroy() { watched.disconnect(); cancelAnimationFrame(asked); },
  };
}
