// One button that brings a film onto the device: on a phone by the system's share sheet, which
// leads to the album; elsewhere as a download.
//
// A share needs the whole file in memory and a tap of the last seconds. So the file is fetched while it
// plays ("prefetch") or by the first tap, and a fetch that outlasted its tap ends in a button that is
// ready for the next one. Stands on the page, and on the page of a shared link.
// data: { words, kind, url, download, name, type, size, limit }
//   url, download: where the file is, as itself and as an attachment; size, limit: bytes
//   words.clean: what is saved although something else is heard at the moment

const WECHAT = /MicroMessenger/i; // its browser neither shares nor downloads

function create(root) {
  const button = root.querySelector(".share"), link = root.querySelector(".link");
  const line = root.querySelector(".line");
  let data = null, key = "", file = null, fetching = null, control = null;
  let asked = false, refused = false, another = false, percent = 0, said = "";

  const onPhone = () => window.matchMedia("(pointer: coarse)").matches;
  const shares = () => {
    if (refused || data.size > data.limit || !onPhone() || !navigator.canShare) return false;
    return navigator.canShare({ files: [new File(["-"], data.name, { type: data.type })] });
  };

  function paint() {
    const { words } = data, wechat = WECHAT.test(navigator.userAgent), sharing = !wechat && shares();
    button.classList.toggle("hidden", !sharing);
    link.classList.toggle("hidden", wechat || sharing);
    link.href = data.download;
    link.download = data.name;
    link.textContent = onPhone() ? words.save : words.video;
    button.textContent = asked ? words.fetching.replace("{percent}", percent) : words.share;
    button.style.setProperty("--done", asked ? `${percent}%` : "0%");
    root.dataset.ready = String(file !== null);
    const where = !sharing && onPhone() ? words.where : "";
    const which = another && !wechat ? words.clean : "";
    const text = wechat ? words.wechat : [said, which, where].filter(Boolean).join(" ");
    if (line.textContent !== text) line.textContent = text;
  }

  async function arrive({ url, name, type, size }, signal) {
    const answer = await fetch(url, { signal });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const whole = Number(answer.headers.get("content-length")) || size;
    const reader = answer.body.getReader(), parts = [];
    let got = 0;
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
      parts.push(piece.value);
      got += piece.value.length;
      percent = Math.min(99, Math.floor((100 * got) / whole));
      if (asked) paint();
    }
    if (got !== whole) throw new Error(`${got} of ${whole} bytes`);
    return new File(parts, name, { type });
  }

  function load() {
    if (file) return Promise.resolve();
    if (!fetching) {
      percent = 0;
      const mine = control = new AbortController();
      const over = () => { if (control === mine) { fetching = null; asked = false; } };
      fetching = arrive(data, mine.signal).then(
        (arrived) => { over(); if (control === mine) { file = arrived; paint(); } },
        (error) => { over(); if (control === mine) paint(); throw error; },
      );
    }
    return fetching;
  }

  async function send(tapped) {
    try {
      await navigator.share({ files: [file] });
      said = data.words.shared;
    } catch (error) {
      // AbortError: the person closed the sheet. InvalidStateError: it is open already.
      if (error.name === "AbortError" || error.name === "InvalidStateError") return;
      if (error.name === "NotAllowedError" && !tapped) said = data.words.ready;
      else { refused = true; said = data.words.refused; }
    }
    paint();
  }

  button.onclick = async () => {
    if (asked) return;
    said = "";
    paint();
    if (file) { await send(true); return; }
    asked = true;
    paint();
    const mine = key;
    try {
      await load();
    } catch {
      if (mine === key) { said = data.words.failed; paint(); }
      return;
    }
    if (mine !== key || !file) return;
    if (navigator.userActivation?.isActive) await send(false);
    else { said = data.words.ready; paint(); }
  };

  // The browser takes it from here: how far it is, it does not say.
  link.onclick = () => { said = data.words.saving; paint(); };

  function forget() {
    control?.abort();
    control = fetching = file = null;
    asked = refused = false;
    said = "";
  }

  return {
    update({ data: given }) {
      data = given;
      const now = `${given.url} ${given.size}`;
      if (now !== key) { forget(); key = now; }
      paint();
    },
    shown(kind) {
      another = kind !== data.kind;
      paint();
    },
    prefetch(url) {
      if (url !== data.url || navigator.connection?.saveData) return;
      if (!WECHAT.test(navigator.userAgent) && shares()) load().catch(() => {});
    },
    destroy: forget,
  };
}
