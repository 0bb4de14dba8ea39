// Original, modular and v2 in step, one audible at a time.
//
// data: { words, tracks: [{ id, label, url, start }], frame, track, time }
//   start: seconds on the dance's time line at which the track's own time is 0
//   frame: seconds of one frame; track, time: where to begin (time on the dance's line)
// State sent back: "failed", the ids of tracks that this browser cannot decode.
// The place and the audible track are kept in the address (?track=&t=).

const SEEK_BEYOND = 0.25;   // seconds out of step that are jumped
const STEER_BEYOND = 0.012; // seconds out of step that are steered away
const clamp = (x, low, high) => Math.min(high, Math.max(low, x));

export default (component) => show(component, create);

function create(root) {
  const find = (name) => root.querySelector(`.${name}`);
  const screens = find("screens"), seek = find("seek"), time = find("time"), live = find("live");
  let words = {}, tracks = [], active = null, frame = 1 / 30, key = "", emit = () => {};
  let playing = false, timer = null, dragging = false, chosen = false;

  const place = () => (active ? active.video.currentTime + active.start : 0);
  const length = () => {
    const end = tracks.find((x) => x.id === "original") || active;
    return end && Number.isFinite(end.video.duration) ? end.video.duration + end.start : 0;
  };
  const own = (track, at) => clamp(at - track.start, 0, track.video.duration || Infinity);
  const clock = (seconds, digits = 1) => {
    const s = Number(seconds.toFixed(digits));  // rounded first: 119.97 s is 2:00, not 1:60
    return `${Math.floor(s / 60)}:${(s % 60).toFixed(digits).padStart(digits ? 3 + digits : 2, "0")}`;
  };

  function paint() {
    const at = place(), end = length();
    seek.max = String(end || 1);
    if (!dragging) seek.value = String(at);
    seek.setAttribute("aria-valuetext", clock(at));
    time.textContent = `${clock(at)} / ${clock(end)}`;
    find("play").textContent = playing ? words.pause : words.play;
    root.dataset.playing = String(playing);
    for (const track of tracks) {
      const inside = at >= track.start - frame && at - track.start < (track.video.duration || Infinity) + frame;
      track.figure.classList.toggle("outside", !inside);
    }
  }

  function steer() {
    // Followers are kept on the audible one's time; muted, so that the steering is inaudible.
    const at = place();
    for (const track of tracks) {
      if (track === active || track.failed) continue;
      const video = track.video, goal = own(track, at), off = goal - video.currentTime;
      const inside = at >= track.start && at - track.start < (video.duration || 0);
      if (playing && inside && video.paused) video.play().catch(() => {});
      if (!inside && !video.paused) video.pause();
      if (Math.abs(off) > (playing ? SEEK_BEYOND : 0.001)) {
        if (!video.seeking) video.currentTime = goal;
        video.playbackRate = 1;
      } else {
        video.playbackRate = playing && Math.abs(off) > STEER_BEYOND ? 1 + clamp(off * 2, -0.3, 0.3) : 1;
      }
    }
    paint();
  }

  function select(track, announced) {
    if (!track || track.failed) return;
    const at = place();
    if (active && active !== track && Math.abs(own(track, at) - track.video.currentTime) > 0.04) {
      track.video.currentTime = own(track, at);
    }
    for (const other of tracks) {
      other.video.muted = other !== track;
      other.figure.classList.toggle("active", other === track);
      other.button.setAttribute("aria-checked", String(other === track));
      other.button.tabIndex = other === track ? 0 : -1;
    }
    active = track;
    active.video.playbackRate = 1;
    root.dataset.active = track.id;
    if (playing && active.video.paused) active.video.play().catch(() => {});
    if (announced && tracks.length > 1) chosen = true;  // of one there is no choice
    if (announced) live.textContent = words.hearing.replace("{name}", track.label);
    steer();
    remember();
  }

  function go(at) {
    for (const track of tracks) if (!track.failed) track.video.currentTime = own(track, at);
    paint();
  }

  async function setPlaying(on) {
    playing = on;
    if (on && active) {
      if (active.video.ended) go(active.start);
      for (const track of tracks) track.video.muted = track !== active;
      await active.video.play().catch(() => { playing = false; });
    } else {
      for (const track of tracks) track.video.pause();
    }
    clearInterval(timer);
    timer = playing ? setInterval(steer, 100) : null;
    steer();
    remember();
  }

  function remember() {
    if (playing || !active) return;
    const address = new URL(window.location.href);
    if (chosen) address.searchParams.set("track", active.id);
    address.searchParams.set("t", place().toFixed(2));
    window.history.replaceState(window.history.state, "", address);
  }

  function announce(at) {
    live.textContent = words.at.replace("{time}", clock(at, 2));
  }

  function step(frames) {
    setPlaying(false).then(() => {
      const at = clamp(place() + frames * frame, 0, length());
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
    const number = Number(event.key);
    if (number >= 1 && number <= tracks.length) select(tracks[number - 1], true);
    else if (event.key === " " && target.tagName !== "BUTTON") setPlaying(!playing).then(() => playing || announce(place()));
    else if ((event.key === "ArrowLeft" || event.key === "ArrowRight") && target !== seek) {
      const on = event.key === "ArrowRight" ? 1 : -1;
      if (target.getAttribute && target.getAttribute("role") === "radio") {
        const next = tracks[(tracks.indexOf(active) + on + tracks.length) % tracks.length];
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
      const track = { ...given, failed: false };
      track.figure = document.createElement("figure");
      track.video = document.createElement("video");
      Object.assign(track.video, { src: given.url, preload: "auto", playsInline: true, muted: true, tabIndex: -1 });
      track.video.setAttribute("aria-label", given.label);
      track.caption = document.createElement("figcaption");
      track.caption.textContent = given.label;
      track.figure.append(track.video, track.caption);
      track.figure.onclick = () => (active === track ? setPlaying(!playing) : select(track, true));
      track.button = document.createElement("button");
      Object.assign(track.button, { type: "button", textContent: `${index + 1} · ${given.label}` });
      track.button.setAttribute("role", "radio");
      track.button.setAttribute("aria-keyshortcuts", String(index + 1));
      track.button.dataset.track = given.id;
      track.button.onclick = () => select(track, true);
      track.video.onloadedmetadata = () => {
        // Chromium plays the sound of an HEVC film without a word about the missing picture.
        if (!track.video.videoWidth) { fail(track); return; }
        track.caption.textContent = `${track.label} · ${clock(track.video.duration, 0)}`;
        if (begin !== null) go(begin);
        paint();
      };
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
    track.caption.textContent = `${track.label}: ${words.undecodable}`;
    if (track === active) select(tracks.find((x) => !x.failed), false);
    emit(tracks.filter((x) => x.failed).map((x) => x.id));
  }

  let begin = null;
  find("play").onclick = () => setPlaying(!playing);
  find("back").onclick = () => step(-1);
  find("forward").onclick = () => step(1);
  seek.oninput = () => { dragging = true; go(Number(seek.value)); };
  seek.onchange = () => { dragging = false; steer(); remember(); };
  document.addEventListener("keydown", onKey);

  return {
    update({ data, setStateValue }) {
      words = data.words;
      frame = data.frame || 1 / 30;
      seek.step = String(frame);
      emit = (ids) => setStateValue("failed", ids);
      root.setAttribute("aria-label", words.title);
      find("tracks").setAttribute("aria-label", words.choose);
      seek.setAttribute("aria-label", words.seek);
      find("help").textContent = words.help;
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
        if (!key && here.get("track")) chosen = true;  // a link names it: no result takes its place
        const was = !chosen ? data.track : key ? active?.id : here.get("track");
        playing = false;
        clearInterval(timer);
        key = now;
        begin = at;
        build(data.tracks);
        active = null;
        select(tracks.find((x) => x.id === was) || tracks[tracks.length - 1], false);
      }
      paint();
    },
    destroy() {
      clearInterval(timer);
      document.removeEventListener("keydown", onKey);
      for (const track of tracks) { track.video.pause(); track.video.removeAttribute("src"); track.video.load(); }
    },
  };
}
