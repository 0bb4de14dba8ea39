// The dance and its results in step, one of them audible and seen; all of them side by side when
// somebody compares.
//
// data: { words, tracks: [{ id, label, url, start, extra, still, seconds }], takes: [{ label, at }], aspect, frame, track, time }
//   start: seconds on the dance's time line at which the track's own time is 0
//   extra: whether it is there for comparing only
//   still, seconds: a picture and its length, for what is loaded only once somebody plays or moves it;
//     null where the film itself has to say them, and whether this browser can decode it
//   takes: the moments of the dance at which the song begins; aspect: width by height, as CSS says it
//   frame: seconds of one frame; track, time: where to begin (time on the dance's line)
// State sent back: "failed", the ids of tracks that this browser cannot decode.
// The place and the audible track are kept in the address (?track=&t=).

const SEEK_BEYOND = 0.25;   // seconds out of step that are jumped
const JUMP_EVERY = 1.0;     // seconds between two jumps of one player
const SILENT_AFTER = 1.0;   // seconds without sound after which the page says so
const STEER_BEYOND = 0.012; // seconds out of step that are steered away
const clamp = (x, low, high) => Math.min(high, Math.max(low, x));

export default (component) => show(component, create);

function create(root) {
  const find = (name) => root.querySelector(`.${name}`);
  const screens = find("screens"), seek = find("seek"), time = find("time"), live = find("live");
  let words = {}, tracks = [], active = null, frame = 1 / 30, key = "", emit = () => {};
  let playing = false, timer = null, dragging = false, chosen = false, touched = false;

  let wanted = 0;  // where to stand, until the player is loaded that says where it stands
  const place = () => (active && active.video.readyState ? active.video.currentTime + active.start : wanted);
  const several = () => root.dataset.mode === "all";
  const offered = () => tracks.filter((track) => several() || !track.extra);
  // One picture has its own beginning and end; several share the dance's time line.
  const seconds = (track) => (Number.isFinite(track.video.duration) ? track.video.duration : track.seconds || 0);
  const first = () => (several() || !active ? 0 : active.start);
  const length = () => {
    const longest = several() ? [tracks.find((x) => x.id === "original"), active] : [active];
    const known = longest.find((x) => x && seconds(x));
    return known ? seconds(known) + known.start : 0;
  };
  const own = (track, at) => clamp(at - track.start, 0, track.video.duration || Infinity);
  const clock = (seconds, digits = 1) => {
    const s = Number(seconds.toFixed(digits));  // rounded first: 119.97 s is 2:00, not 1:60
    return `${Math.floor(s / 60)}:${(s % 60).toFixed(digits).padStart(digits ? 3 + digits : 2, "0")}`;
  };

  function paint() {
    const at = place(), end = length();
    seek.min = String(first());
    seek.max = String(end || 1);
    if (!dragging) seek.value = String(at);
    seek.setAttribute("aria-valuetext", clock(Math.max(0, at - first())));
    time.textContent = `${clock(Math.max(0, at - first()))} / ${clock(Math.max(0, end - first()))}`;
    find("play").textContent = playing ? words.pause : words.play;
    root.dataset.playing = String(playing);
    for (const track of tracks) {
      const inside = at >= track.start - frame && at - track.start < (track.video.duration || Infinity) + frame;
      track.figure.classList.toggle("outside", !inside);
    }
  }

  // Mostly only the chosen one is seen: the others load nothing and are not moved.
  const seen = (track) => track === active || track.figure.getClientRects().length > 0;

  function jump(track, goal) {
    const now = performance.now() / 1000;
    if (track.video.seeking || (playing && now - track.jumped < JUMP_EVERY)) return;
    track.jumped = now;
    // Where the leader will be when the jump is done, if it takes as long as the last one.
    track.video.currentTime = goal + (playing ? track.seekSeconds : 0);
  }

  function rate(track, value) {
    if (track.video.playbackRate !== value) track.video.playbackRate = value;
    // WebKitGTK unmutes a player whose rate is changed.
    if (track !== active && !track.video.muted) track.video.muted = true;
  }

  function steer() {
    // Followers are kept on the audible one's time; muted, so that the steering is inaudible.
    const at = place();
    for (const track of tracks) {
      if (track === active || track.failed) continue;
      const video = track.video, goal = own(track, at), off = goal - video.currentTime;
      const inside = seen(track) && at >= track.start && at - track.start < (video.duration || 0);
      if (playing && inside && video.paused) video.play().catch(() => {});
      if (!inside && !video.paused) video.pause();
      if (!seen(track)) continue;
      const far = Math.abs(off) > (playing ? SEEK_BEYOND : 0.001);
      if (far) jump(track, goal);
      rate(track, playing && !far && Math.abs(off) > STEER_BEYOND ? 1 + clamp(off * 2, -0.3, 0.3) : 1);
    }
    paint();
  }

  function load() {
    // What is seen is loaded once somebody touches it: to the first picture alone, Chromium reads 6 MB.
    for (const track of tracks) {
      const idle = !seen(track) || !(touched || several() || !track.still);
      const wanted = idle ? "none" : playing ? "auto" : "metadata";
      if (track.video.preload !== wanted) track.video.preload = wanted;
    }
    if (playing) window.dispatchEvent(new CustomEvent("retrack-playing", { detail: active.url }));
  }

  function select(track, announced) {
    if (!track || track.failed) return;
    const at = place();
    wanted = at;
    // One that is not loaded goes there once it is: told before, WebKit plays and stands still.
    const loaded = track.video.readyState > 0;
    if (active && active !== track && loaded && Math.abs(own(track, at) - track.video.currentTime) > 0.04) {
      track.video.currentTime = own(track, at);
    }
    for (const other of tracks) {
      other.video.muted = other !== track;
      other.figure.classList.toggle("active", other === track);
      other.button.setAttribute("aria-checked", String(other === track));
      other.button.tabIndex = other === track ? 0 : -1;
    }
    active = track;
    load();
    active.video.playbackRate = 1;
    root.dataset.active = track.id;
    if (playing && active.video.paused) active.video.play().catch(() => {});
    if (announced && offered().length > 1) chosen = true;  // of one there is no choice
    if (announced) live.textContent = words.hearing.replace("{name}", track.label);
    tell();
    steer();
    remember();
  }

  function tell() {
    if (active) window.dispatchEvent(new CustomEvent("retrack-shown", { detail: active.id }));
  }

  function go(at) {
    wanted = at;
    touched = true;
    load();
    for (const track of tracks) if (!track.failed && track.video.readyState) track.video.currentTime = own(track, at);
    paint();
  }

  function setMode(all) {
    root.dataset.mode = all ? "all" : "one";
    find("mode").setAttribute("aria-pressed", String(all));
    if (active && !all && active.extra) select(offered().at(-1), false);
    load();
    if (playing) playAll();
    steer();
  }

  // Within the tap: later, some browsers no longer believe that a person asked for it.
  function playAll() {
    if (navigator.audioSession) navigator.audioSession.type = "playback";  // also where a phone is on silent
    if (active.video.ended) go(active.start);
    let started;
    for (const track of tracks) {
      track.video.muted = track !== active;
      if (track.failed || !seen(track)) continue;
      const promise = track.video.play();
      promise.catch(() => {});
      if (track === active) started = promise;
    }
    return started;
  }

  async function setPlaying(on) {
    playing = on;
    touched ||= on;
    load();
    if (on && active) {
      const began = playAll(), late = setTimeout(() => say(words.no_sound), SILENT_AFTER * 1000);
      await began.then(() => say(""), (error) => refused(error));
      clearTimeout(late);
    } else {
      for (const track of tracks) track.video.pause();
    }
    clearInterval(timer);
    timer = playing ? setInterval(steer, 100) : null;
    steer();
    remember();
  }

  function say(text) {
    find("said").textContent = text;
  }

  async function refused(error) {
    playing = false;
    if (error.name === "AbortError") return;  // paused meanwhile, or another file
    say(words.no_sound);
    active.video.muted = true;  // the picture at least
    await active.video.play().then(() => { playing = true; }, () => {});
  }

  function remember() {
    if (playing || !active) return;
    const address = new URL(window.location.href);
    if (chosen) address.searchParams.set("track", active.id);
    address.searchParams.set("t", place().toFixed(2));
    window.history.replaceState(window.history.state, "", address);
  }

  function announce(at) {
    live.textContent = words.at.replace("{time}", clock(at - first(), 2));
  }

  function step(frames) {
    setPlaying(false).then(() => {
      const at = clamp(place() + frames * frame, first(), length());
      go(at);
      announce(at);
      setTimeout(remember, 200);
    });
  }

  function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const target = event.composedPath()[0];
    const inside = event.composedPath().includes(root);
    if (!inside && target !== document.body) return;
    const number = Number(event.key), choice = offered();
    if (number >= 1 && number <= choice.length) select(choice[number - 1], true);
    else if (event.key === " " && target.tagName !== "BUTTON") setPlaying(!playing).then(() => playing || announce(place()));
    else if ((event.key === "ArrowLeft" || event.key === "ArrowRight") && target !== seek) {
      const on = event.key === "ArrowRight" ? 1 : -1;
      if (target.getAttribute && target.getAttribute("role") === "radio") {
        const next = choice[(choice.indexOf(active) + on + choice.length) % choice.length];
        select(next, true);
        next.button.focus();
      } else step(on);
    } else return;
    event.preventDefault();
  }

  function build(list) {
    screens.replaceChildren();
    find("tracks").replaceChildren();
    tracks = list.map((given, index) => {
      const track = { ...given, failed: false, jumped: 0, seekSeconds: 0 };
      // #t: some browsers show no picture before somebody plays, unless a moment is named.
      track.figure = document.createElement("figure");
      track.video = document.createElement("video");
      Object.assign(track.video, { preload: "none", src: `${given.url}#t=0.001`, playsInline: true, muted: true, tabIndex: -1 });
      if (given.still) track.video.poster = given.still;
      track.video.setAttribute("aria-label", given.label);
      track.caption = document.createElement("figcaption");
      track.caption.textContent = given.label;
      track.figure.append(track.video, track.caption);
      track.figure.onclick = () => (active === track ? setPlaying(!playing) : select(track, true));
      track.button = document.createElement("button");
      Object.assign(track.button, { type: "button", textContent: given.label });
      for (const part of [track.figure, track.button]) part.classList.toggle("extra", Boolean(given.extra));
      track.button.setAttribute("role", "radio");
      track.button.setAttribute("aria-keyshortcuts", String(index + 1));
      track.button.dataset.track = given.id;
      track.button.onclick = () => select(track, true);
      track.video.onloadedmetadata = () => {
        // Chromium plays the sound of an HEVC film without a word about the missing picture.
        if (!track.video.videoWidth) { fail(track); return; }
        track.caption.textContent = `${track.label} · ${clock(track.video.duration, 0)}`;
        // A jump to where it stands already would load the beginning twice.
        const goal = own(track, track === active ? wanted : place());
        if (Math.abs(goal - track.video.currentTime) > 0.01) track.video.currentTime = goal;
        paint();
      };
      let from = 0;
      track.video.onseeking = () => { from = performance.now(); };
      track.video.onseeked = () => { track.seekSeconds = Math.min(1, (performance.now() - from) / 1000); };
      track.video.onended = () => { if (track === active) setPlaying(false); };
      track.video.onerror = () => fail(track);
      screens.append(track.figure);
      find("tracks").append(track.button);
      return track;
    });
  }

  function fail(track) {
    if (track.failed) return;
    track.failed = true;
    track.button.disabled = true;
    track.figure.classList.add("failed");
    track.caption.textContent = `${track.label}: ${words.undecodable}`;
    if (track === active) select(offered().find((x) => !x.failed), false);
    emit(tracks.filter((x) => x.failed).map((x) => x.id));
  }

  function paintTakes(takes) {
    find("takes").replaceChildren(...(takes.length ? [words.takes, ...takes.map(({ label, at }, index) => {
      const button = document.createElement("button");
      Object.assign(button, { type: "button", textContent: label });
      button.setAttribute("aria-label", words.take.replace("{n}", index + 1).replace("{at}", label));
      button.onclick = () => { go(at); announce(place()); setTimeout(remember, 200); };
      return button;
    })] : []));
  }

  find("mode").onclick = () => setMode(!several());
  find("play").onclick = () => setPlaying(!playing);
  find("back").onclick = () => step(-1);
  find("forward").onclick = () => step(1);
  seek.oninput = () => { dragging = true; go(Number(seek.value)); };
  seek.onchange = () => { dragging = false; steer(); remember(); };
  document.addEventListener("keydown", onKey);
  window.addEventListener("retrack-which", tell);

  return {
    update({ data, setStateValue }) {
      words = data.words;
      frame = data.frame || 1 / 30;
      seek.step = String(frame);
      root.style.setProperty("--aspect", data.aspect);
      emit = (ids) => setStateValue("failed", ids);
      root.setAttribute("aria-label", words.title);
      find("tracks").setAttribute("aria-label", words.choose);
      seek.setAttribute("aria-label", words.seek);
      find("help").textContent = words.help;
      find("mode").textContent = words.compare;
      root.dataset.tracks = String(data.tracks.length);
      find("mode").classList.toggle("hidden", data.tracks.length < 2);
      find("tracks").classList.toggle("hidden", data.tracks.length < 2);
      paintTakes(data.takes);
      for (const [name, word, sign] of [["back", words.back, "‹"], ["forward", words.forward, "›"]]) {
        find(name).textContent = sign;
        find(name).setAttribute("aria-label", word);
      }
      const now = JSON.stringify(data.tracks);
      if (now !== key) {
        // A new file (a saved adjustment, v2 while modular runs) keeps the place and the track.
        // The address knows better than the server where somebody was who comes back.
        const here = new URL(window.location.href).searchParams;
        const at = key ? place() : Number(here.get("t")) || data.time || 0;
        touched ||= at > 0;
        if (!key && here.get("track")) chosen = true;  // a link names it: no result takes its place
        const was = !chosen ? data.track : key ? active?.id : here.get("track");
        playing = false;
        clearInterval(timer);
        key = now;
        wanted = at;
        build(data.tracks);
        active = null;
        const begin = tracks.find((x) => x.id === was);
        if (!several()) setMode(Boolean(begin?.extra));
        select(begin || offered().at(-1), false);
      }
      paint();
    },
    destroy() {
      clearInterval(timer);
      document.removeEventListener("keydown", onKey);
      window.removeEventListener("retrack-which", tell);
      for (const track of tracks) { track.video.pause(); track.video.removeAttribute("src"); track.video.load(); }
    },
  };
}
