// The places at which the song fits: each is heard under the dance, and one is used.
// reference_time = speed * dance_time + offset (seconds)
// data: { words, dance, song, aspect, start, asked, locked, places: [{ label, offset, speed, used }] }
//   asked: whether nobody has chosen yet, so that the present place is a choice too
//   dance, song: addresses; start: the dance's second at which listening begins
//   locked: whether nothing can be chosen now; used: whether the result has this place
// Trigger: "use", the number of the place (from 0). State sent back: "failed", as the other players'.

const SILENT_AFTER_MS = 1000;
const clamp = (x, low, high) => Math.min(high, Math.max(low, x));

export default (component) => show(component, create);

function create(root) {
  const find = (name) => root.querySelector(`.${name}`);
  const picture = find("picture"), song = find("song");
  let data = null, heard = -1, timer = null, failed = new Set(), send = () => {}, choose = () => {};

  // The dance leads; the song, which alone sounds, follows where this place says.
  function steer() {
    const place = data.places[heard];
    if (!place) return;
    const goal = place.speed * picture.currentTime + place.offset, off = goal - song.currentTime;
    const inside = goal >= 0 && goal < (song.duration || 0), playing = !picture.paused && !picture.ended;
    if (playing && inside && song.paused) song.play().catch(() => {});
    if (!(playing && inside) && !song.paused) song.pause();
    if (inside && Math.abs(off) > 0.12) { if (!song.seeking) song.currentTime = goal; }
    song.playbackRate = Math.abs(off) > 0.005 ? place.speed * (1 + clamp(off * 0.5, -0.04, 0.04)) : place.speed;
    if (picture.ended) stop();
    root.dataset.at = picture.currentTime.toFixed(2);
  }

  function stop() {
    clearInterval(timer);
    [timer, heard] = [null, -1];
    picture.pause();
    song.pause();
    paint();
  }

  // Another copy of the same song is no reason to break off what plays.
  function takeSong() {
    if (heard < 0 && song.getAttribute("src") !== data.song) song.src = data.song;
  }

  function hear(index) {
    if (heard === index) { stop(); return; }
    takeSong();
    if (navigator.audioSession) navigator.audioSession.type = "playback";  // also where a phone is on silent
    if (heard < 0 && (picture.ended || picture.currentTime < data.start)) picture.currentTime = data.start;
    heard = index;
    const place = data.places[index];
    if (song.readyState) song.currentTime = clamp(place.speed * picture.currentTime + place.offset, 0, song.duration || 0);
    // Both within the tap: later, some browsers no longer believe that a person asked for it.
    const late = setTimeout(() => { find("said").textContent = data.words.no_sound; }, SILENT_AFTER_MS);
    const quiet = () => { clearTimeout(late); find("said").textContent = ""; };
    song.play().then(quiet, (error) => { if (error.name === "AbortError") quiet(); });
    picture.play().catch(() => {});
    clearInterval(timer);
    timer = setInterval(steer, 60);
    paint();
  }

  function paint() {
    find("places").querySelectorAll("li").forEach((row, index) => {
      row.dataset.playing = String(index === heard);
      row.querySelector(".hear").textContent = index === heard ? data.words.pause : data.words.play;
    });
  }

  function lost(kind) {
    if (failed.has(kind)) return;
    failed.add(kind);
    send("failed", [...failed]);
  }

  picture.onloadedmetadata = () => { if (!picture.videoWidth) lost("original"); };
  picture.onerror = () => lost("original");
  song.onerror = () => lost("reference");

  function build() {
    find("places").replaceChildren(...data.places.map((place, index) => {
      const row = document.createElement("li"), what = document.createElement("span");
      what.className = "what";
      what.textContent = place.used ? `${place.label} · ${data.words.used}` : place.label;
      const [play, use] = ["hear", "use"].map((name) => {
        const button = document.createElement("button");
        Object.assign(button, { type: "button", className: name });
        button.setAttribute("aria-label", `${name === "use" ? data.words.use : data.words.play}: ${place.label}`);
        return button;
      });
      use.textContent = data.words.use;
      use.disabled = data.locked || (place.used && !data.asked);
      play.onclick = () => hear(index);
      use.onclick = () => { stop(); choose(index); };
      row.append(what, play, use);
      return row;
    }));
  }

  return {
    update({ data: now, setStateValue, setTriggerValue }) {
      const before = data;
      data = now;
      send = setStateValue;
      choose = (index) => setTriggerValue("use", index);
      root.setAttribute("aria-label", data.words.choose);
      root.style.setProperty("--aspect", data.aspect);
      if (data.dance !== before?.dance) picture.src = `${data.dance}#t=${Math.max(0.001, data.start)}`;
      takeSong();
      if (JSON.stringify([before?.places, before?.words, before?.locked, before?.asked]) !== JSON.stringify([data.places, data.words, data.locked, data.asked])) build();
      paint();
    },
    destroy() {
      clearInterval(timer);
      picture.pause();
      song.pause();
    },
  };
}
