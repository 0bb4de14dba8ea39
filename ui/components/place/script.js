// Placing the music by hand: drag the song along the dance (line.js), or mark the same
// moment in both players; listen to both at that place; then nudge.
// reference_time = speed * dance_time + offset (seconds)
// data: { words, dance, reference, aspect, song_aspect, waves, offset, speed, stretches, said }
//   aspect, song_aspect: shapes of the pictures for CSS, null for sound alone
//   dance, reference, waves: addresses (waves null while the waveforms are being made)
//   song: the address of the reference's sound alone, once there is one
//   stretches: where the song is played, each { start, end, offset, speed }, while the present
//   answer has several takes; said: that in words. The first move puts one place in their stead.
// State sent back: "placed" { offset, speed }, null where the two do not meet; "failed", the files this browser cannot play.

const clamp = (x, low, high) => Math.min(high, Math.max(low, x));

export default (component) => show(component, create);

function create(root) {
  const find = (name) => root.querySelector(`.${name}`);
  const dance = find("dance"), reference = find("reference"), sound = find("sound"), song = find("song");
  const audible = find("hear"), tempo = find("speed");
  let data = null, offset = 0, speed = 1, placed = false, given, shown = null, soundless = false;
  let stretches = [];
  let marks = {}, failed = new Set(), timer = null, sending = null, unsent = false, send = () => {};

  const line = createLine(find("stage"), {
    state: () => ({
      offset, speed, stretches, at: dance.currentTime, danceLength: dance.duration, songLength: reference.duration,
    }),
    moved(seconds, settled) {
      if (seconds) set(offset - speed * seconds, speed, !settled);
      if (settled && unsent) emit();
    },
    stepped: (seconds) => set(offset - speed * seconds, speed, true),
    clicked(time) {
      dance.currentTime = time;
      if (timer) steer();
      line.draw();
    },
  });

  function apart() {
    const start = -offset / speed;
    return start >= dance.duration || start + reference.duration / speed <= 0;
  }

  function said() {
    const start = -offset / speed, words = data.words;
    if (!placed) return words.unplaced;
    if (stretches.length) return data.said;
    if (apart()) return words.apart;
    return (start >= 0 ? words.starts_after : words.starts_before).replace("{s}", (start >= 0 ? start : offset).toFixed(3));
  }

  function paint() {
    const words = data.words, length = reference.duration || 0;
    find("value").textContent = said();
    Object.assign(root.dataset, { offset: placed ? offset.toFixed(3) : "", speed: speed.toFixed(3) });
    song.setAttribute("aria-valuemin", (-length / speed).toFixed(3));
    song.setAttribute("aria-valuemax", (dance.duration || 0).toFixed(3));
    song.setAttribute("aria-valuenow", (-offset / speed).toFixed(3));
    song.setAttribute("aria-valuetext", said());
    find("listen").textContent = timer ? words.stop : words.listen;
    if (tempo.getRootNode().activeElement !== tempo) tempo.value = speed.toFixed(3);
    for (const [name, player] of [["dance", dance], ["reference", reference]]) {
      const at = marks[name];
      find(`mark-${name}`).textContent = at === undefined ? words.mark : words.marked.replace("{at}", at.toFixed(2));
      find(`mark-${name}`).setAttribute("aria-pressed", String(at !== undefined));
      player.setAttribute("aria-label", words[name]);
    }
    line.draw();
  }

  function emit() {
    clearTimeout(sending);
    unsent = false;
    send("placed", apart() ? null : { offset: Number(offset.toFixed(4)), speed: Number(speed.toFixed(5)) });
  }

  function set(newOffset, newSpeed, later) {
    [offset, speed, stretches, placed, unsent] = [newOffset, newSpeed, [], true, true];
    if (timer) steer();
    paint();
    clearTimeout(sending);
    if (later) sending = setTimeout(emit, 300); else emit();
  }

  function steer() {
    // The dance leads; the song follows where it belongs, its picture mute: iPhones let only one
    // player with a picture sound.
    const at = dance.currentTime, here = stretches.find((one) => at >= one.start && at < one.end);
    const { offset: by, speed: pace } = stretches.length ? here || { offset: NaN, speed } : { offset, speed };
    const goal = pace * at + by;
    for (const player of [sound, reference]) {
      const inside = goal >= 0 && goal < (player.duration || 0), off = goal - player.currentTime;
      if (dance.paused || dance.ended || !inside) { if (!player.paused) player.pause(); }
      else if (player.paused) player.play().catch(() => {});
      if (inside && Math.abs(off) > 0.12) { if (!player.seeking) player.currentTime = goal; }
      player.playbackRate = Math.abs(off) > 0.005 ? pace * (1 + clamp(off * 0.5, -0.04, 0.04)) : pace;
    }
    line.follow(dance.currentTime);
    line.draw();
    if (dance.ended) playTogether(false);
  }

  function balance() {
    const on = Boolean(timer);
    dance.muted = on && audible.value === "song";
    reference.muted = on;
    sound.muted = audible.value === "video";
    dance.volume = on && audible.value === "both" ? 0.6 : 1;
  }

  // Another copy of the same song is no reason to break off what plays.
  function takeSound() {
    if (sound.paused && sound.getAttribute("src") !== data.song) sound.src = data.song;
  }

  function playTogether(on) {
    clearInterval(timer);
    timer = null;
    if (on) {
      if (navigator.audioSession) navigator.audioSession.type = "playback";  // also where a phone is on silent
      timer = setInterval(steer, 60);
      takeSound();
      balance();
      // All within the tap: later, some browsers no longer believe that a person asked for it.
      for (const player of [dance, sound, reference]) player.play().catch(() => {});
      steer();
    } else {
      for (const player of [dance, sound, reference]) player.pause();
      reference.playbackRate = 1;
      balance();
    }
    paint();
  }

  function lost(name) {
    if (failed.has(name)) return;
    failed.add(name);
    send("failed", [...failed]);
  }

  dance.onloadedmetadata = () => {
    // Chromium plays the sound of an HEVC film without a word about the missing picture.
    if (!dance.videoWidth) lost("original");
    paint();
  };
  reference.onloadedmetadata = () => {
    reference.classList.toggle("sound-only", !reference.videoWidth);
    paint();
  };
  dance.onerror = () => lost("original");
  reference.onerror = () => lost("reference");
  dance.ontimeupdate = dance.onseeked = () => { if (!timer) line.follow(dance.currentTime); line.draw(); };
  for (const [name, player] of [["dance", dance], ["reference", reference]]) {
    find(`mark-${name}`).onclick = () => {
      marks[name] = player.currentTime;
      if (marks.dance !== undefined && marks.reference !== undefined) {
        set(marks.reference - speed * marks.dance, speed, false);
      } else paint();
    };
  }
  for (const button of root.querySelectorAll("[data-by]")) {
    button.onclick = () => set(offset + Number(button.dataset.by), speed, true);
  }
  tempo.onchange = () => {
    const now = clamp(Number(tempo.value) || speed, Number(tempo.min), Number(tempo.max));
    // The song's moment that plays at the dance's present moment stays under it.
    set(offset + (speed - now) * dance.currentTime, now, false);
    tempo.value = now.toFixed(3);
  };
  audible.onchange = balance;
  // Who goes for the Save button takes the last step along.
  for (const event of ["focusout", "pointerleave"]) root.addEventListener(event, () => { if (unsent) emit(); });
  find("listen").onclick = () => playTogether(!timer);
  find("closer").onclick = () => line.zoom(0.5);
  find("wider").onclick = () => line.zoom(2);
  find("whole").onclick = () => line.whole();

  async function draw(address) {
    if (!address || address === shown) return;
    shown = address;
    const answer = await fetch(address);
    if (!answer.ok) { shown = null; return; }
    const waves = await answer.json();
    soundless = !waves.dance;
    find("dance-label").textContent = lane(data.words);
    line.show(waves);
  }

  // Where there is nothing to draw, its lane says why.
  const lane = (words) => (soundless ? words.no_sound.replace("{name}", words.dance) : words.dance);

  function label(words) {
    root.setAttribute("aria-label", words.title);
    song.setAttribute("aria-label", words.drag);
    for (const [name, text] of [
      ["help", window.matchMedia("(pointer: coarse)").matches ? words.help_touch : words.help], ["dance-name", words.dance], ["reference-name", words.reference],
      ["dance-label", lane(words)], ["song-label", `⇔ ${words.reference}`], ["whole", words.whole],
      ["hear-name", words.hear], ["speed-name", words.speed],
    ]) find(name).textContent = text;
    for (const [name, sign, text] of [["closer", "+", words.closer], ["wider", "−", words.wider]]) {
      find(name).textContent = sign;
      find(name).setAttribute("aria-label", text);
      find(name).title = text;
    }
    find("steps").setAttribute("aria-label", words.drag);
    for (const button of root.querySelectorAll("[data-by]")) {
      // A larger offset is a song that plays earlier.
      const later = -Math.round(Number(button.dataset.by) * 1000);
      button.textContent = `${later > 0 ? "+" : "−"}${Math.abs(later)} ms`;
      button.setAttribute("aria-label", (later > 0 ? words.later : words.earlier).replace("{ms}", Math.abs(later)));
    }
    const kept = audible.value || "song";
    audible.replaceChildren(...["song", "both", "video"].map((name) => new Option(words[`hear_${name}`], name)));
    audible.value = kept;
  }

  return {
    update({ data: now, setStateValue }) {
      const before = data;
      data = now;
      send = setStateValue;
      label(data.words);
      root.style.setProperty("--aspect", data.aspect);
      root.style.setProperty("--song-aspect", data.song_aspect ?? "auto");
      if (!before) reference.classList.toggle("sound-only", !data.song_aspect);
      for (const [player, address, old] of [
        [dance, data.dance, before?.dance], [reference, data.reference, before?.reference],
      ]) if (address !== old) player.src = address;
      if (!timer) takeSound();
      find("waiting").textContent = data.waves ? "" : data.words.drawing;
      draw(data.waves);
      const key = JSON.stringify([data.offset, data.speed, data.stretches]);
      if (given !== key) {  // another candidate
        given = key;
        placed = data.offset !== null;
        offset = data.offset ?? 0;
        speed = data.speed;
        stretches = data.stretches;
        if (before && placed) emit();
      }
      paint();
    },
    destroy() {
      clearInterval(timer);
      clearTimeout(sending);
      line.destroy();
      for (const player of [dance, sound, reference]) player.pause();
    },
  };
}
