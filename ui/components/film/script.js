// The film of first sight: it moves at once, without sound; a tap changes between two sounds.
//
// Its one sound track holds the phone's sound in the left channel and the clean song in the right
// one. Both always play, in step since they are one file; what changes is which of them is let through.
// data: { words, url }

const FADE = 0.012;         // seconds from one sound to the other: no click, no pause
const SILENT_AFTER = 1000;  // milliseconds without a loudspeaker after which the page says so

export default (component) => show(component, create);

function create(root) {
  const find = (name) => root.querySelector(`.${name}`);
  const video = root.querySelector("video"), buttons = [...root.querySelectorAll("[data-sound]")];
  const still = window.matchMedia("(prefers-reduced-motion: reduce)");
  let words = {}, graph = null, sound = null, stopped = still.matches, rests = false;

  function wire() {
    const context = new AudioContext(), split = context.createChannelSplitter(2);
    context.createMediaElementSource(video).connect(split);
    const gains = {};
    for (const [channel, name] of [[0, "phone"], [1, "song"]]) {
      gains[name] = new GainNode(context, { gain: 0 });
      split.connect(gains[name], channel).connect(context.destination);
    }
    return { context, gains };
  }

  // Within the tap: later, a browser no longer believes that a person asked for it.
  function hear(name) {
    if (navigator.audioSession) navigator.audioSession.type = "playback"; // also on a silent phone
    graph ??= wire();
    sound = name;
    stopped = false;
    video.muted = false;
    const late = setTimeout(() => { find("said").textContent = words.no_sound; }, SILENT_AFTER);
    graph.context.resume().then(() => { clearTimeout(late); find("said").textContent = ""; }, () => {});
    const { currentTime } = graph.context;
    for (const [own, node] of Object.entries(graph.gains)) {
      node.gain.setTargetAtTime(own === name ? 1 : 0, currentTime, FADE);
    }
    video.play().catch(refused);
    paint();
  }

  function refused(error) {
    if (error.name === "AbortError") return; // stopped meanwhile
    video.muted = true; // the picture at least
    sound = null;
    find("said").textContent = words.no_sound;
    video.play().catch(() => { stopped = true; paint(); });
    paint();
  }

  function halt() {
    stopped = !stopped;
    if (stopped) video.pause();
    else video.play().catch(() => { stopped = true; paint(); });
    paint();
  }

  function paint() {
    root.dataset.sound = sound || "none";
    root.dataset.stopped = String(stopped);
    for (const button of buttons) {
      button.textContent = words[button.dataset.sound] || "";
      button.setAttribute("aria-pressed", String(button.dataset.sound === sound));
    }
    const next = sound === "phone" ? "song" : "phone";
    find("invite").textContent = sound ? "" : words.invite || "";
    find("tap").setAttribute("aria-label", words[next] || "");
    find("halt").setAttribute("aria-label", (stopped ? words.play : words.pause) || "");
  }

  for (const button of buttons) button.onclick = () => hear(button.dataset.sound);
  find("tap").onclick = () => hear(sound === "phone" ? "song" : "phone");
  find("halt").onclick = halt;
  // Out of sight it rests.
  const look = () => {
    if (document.hidden && !video.paused) { rests = true; video.pause(); }
    else if (!document.hidden && rests) { rests = false; video.play().catch(() => {}); }
  };
  document.addEventListener("visibilitychange", look);

  return {
    update({ data }) {
      words = data.words;
      root.setAttribute("aria-label", words.title);
      // #t: some browsers show no picture before it plays, unless a moment is named.
      const address = `${data.url}#t=0.001`;
      if (video.getAttribute("src") !== address) {
        video.src = address;
        video.muted = true; // the attribute in the HTML is not enough for an element made by a script
        if (!stopped) video.play().catch(() => { stopped = true; paint(); });
      }
      paint();
    },
    destroy() {
      document.removeEventListener("visibilitychange", look);
      video.pause();
      video.removeAttribute("src");
      video.load();
      graph?.context.close();
    },
  };
}
