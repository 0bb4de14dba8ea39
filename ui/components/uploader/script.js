// Two drop zones that upload by tus 1.0.0 (https://tus.io) straight to the disk.
//
// A connection that drops is taken up where it stopped; after a reload of the page, choosing
// the same file again goes on as well (the address of an unfinished upload is kept under
// the file's size and a hash of its ends: a phone hands out a fresh copy with another date each
// time). While files are on their way the screen stays on and leaving is warned of. Uploads go on while another page of the app is shown.
// What was whole on the server when the page was opened is chosen again (kept), without the file itself;
// what had arrived in part (unfinished) is named, where this browser knows the file by which it goes on.
// data: { words, url, token, header, max, accept: { dance, reference }, facts: { id: { text, warning } },
//   kept: [{ id, name, size, role }], unfinished: [{ uid, name, size, sent, role }], round, visit }
// round names this choice of files: the component's own key is another at each mount.
// State sent back: "files": { dance: [{ id, name, size }], reference: { … } | null, coming: boolean },
// "blocked": a proxy lets no upload through, whatever this script tries (see "proxies" below)

const PIECE = 16 * 1024 * 1024; // bytes in a request: what a dropped connection may cost
const LEAST_PIECE = 256 * 1024; // what a proxy that finds pieces too large is offered at last
const PROBES = 6; // tries while a server starts, before it counts as out of reach: half a minute
const WAITS = [0.5, 1, 2, 4, 8, 15, 30, 30, 30, 30, 30, 30]; // seconds between tries
// How requests get through: found out once for the page in the browser.
const way = (window.__retrackWay ??= { override: false, piece: PIECE, open: null });
const rounds = (window.__retrackUploads ??= new Map()); // by name: survives a remount
// Between two tries; what may have brought the connection back, or needs it no more, ends it.
const wakes = new Set();
const wake = () => { for (const end of [...wakes]) end(); };
const pause = (s) => new Promise((done) => {
  const end = () => { clearTimeout(timer); wakes.delete(end); done(); };
  const timer = setTimeout(end, s * 1000);
  wakes.add(end);
});
for (const event of ["online", "retrack-connected"]) window.addEventListener(event, wake); // see lost.js
document.addEventListener("visibilitychange", () => { if (document.visibilityState === "visible") wake(); });
// While files are on their way a phone's screen stays on: asleep, it sends nothing.
let lock = null, asking = false;
const refused = { released: false, release() {} }; // by a low battery: not asked again for these files
const sending = () => [...rounds.values()].some((round) => round.items.some((x) => ["waiting", "uploading", "resuming"].includes(x.state)));
async function stayAwake() {
  if (!navigator.wakeLock || asking) return;
  if (!sending()) {
    lock?.release();
    lock = null;
  } else if ((!lock || lock.released) && document.visibilityState === "visible") {
    asking = true;
    lock = await navigator.wakeLock.request("screen").catch(() => refused);
    asking = false;
    stayAwake(); // they may have arrived meanwhile
  }
}
document.addEventListener("visibilitychange", stayAwake); // out of sight the browser has taken it back
window.addEventListener("beforeunload", (event) => { if (sending()) event.preventDefault(); });
const encode = (text) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));

export default function (component) {
  const { round: name, visit } = component.data;
  if (!rounds.has(name)) {
    // A server that was started anew begins another visit: what was chosen here stays chosen.
    const last = [...rounds.values()].pop();
    rounds.set(name, last && last.visit !== visit ? last : { items: [] });
  }
  rounds.get(name).visit = visit;
  return show(component, (root) => create(root, rounds.get(name)));
}

class Refused extends Error {
  // named: the answer names the protocol, so it is not a proxy's own
  constructor(status, named) {
    super(`status ${status}`);
    this.status = status;
    this.by_proxy = !named && (status < 500 || status === 501);
  }
}

function create(root, round) {
  let data = null, emit = () => {}, block = () => {};
  // What the server knows: nothing at a new mount, since Streamlit forgets the old one's state.
  let told = JSON.stringify({ dance: [], reference: null });
  round.changed = () => { paint(); tell(); stayAwake(); };
  round.options = () => data;

  const zones = new Map([...root.querySelectorAll(".zone")].map((zone) => [zone.dataset.role, zone]));
  for (const [role, zone] of zones) {
    const input = zone.querySelector("input");
    input.onchange = () => {
      if (input.files.length) take(role, [...input.files]);
      input.value = "";
    };
    zone.ondragover = (event) => { event.preventDefault(); zone.classList.add("over"); };
    zone.ondragleave = () => zone.classList.remove("over");
    zone.ondrop = (event) => {
      event.preventDefault();
      zone.classList.remove("over");
      take(role, [...event.dataTransfer.files]);
    };
  }

  async function take(role, files) {
    if (role === "reference") files = files.slice(0, 1);
    const chosen = await Promise.all(files.map(async (file) => ({
      role, file, name: file.name, size: file.size, sent: 0, state: "waiting", id: null,
      place: await placeOf(role, file),
    })));
    for (const old of round.items.filter((x) => x.role === role)) {
      if (old.state === "interrupted" && chosen.some((item) => item.place === old.place)) {
        round.items.splice(round.items.indexOf(old), 1); // its bytes on the server are gone on with
      } else if (role === "reference") remove(old);
    }
    for (const item of chosen) {
      const file = item.file;
      item.preview = URL.createObjectURL(file);
      round.items.push(item);
      if (file.size > data.max) { item.state = "failed"; item.why = data.words.too_large; }
    }
    paint();
    work();
    stayAwake();
  }

  function keep(kept) {
    if (round.kept) return;
    round.kept = true;
    for (const { id, name, size, role } of kept) {
      round.items.push({ role, file: null, name, size, sent: size, state: "done", id, preview: "" });
    }
  }

  function name_unfinished(unfinished) {
    if (round.named) return;
    round.named = true;
    const going = [...rounds.values()].flatMap((x) => x.items).map((x) => x.id);
    const places = known();
    for (const { uid, name, size, sent, role } of unfinished) {
      if (!places.has(uid) || going.includes(uid)) continue;
      round.items.push({
        role, file: null, name, size, sent, state: "interrupted", id: uid, preview: "", place: places.get(uid),
      });
    }
  }

  async function work() {
    // One at a time, in order: a phone's connection is the bottleneck.
    if (round.working) return;
    round.working = true;
    if (!(await way.open)) return; // the stock uploader takes this one's place
    for (let item; (item = round.items.find((x) => x.state === "waiting")); ) {
      await send(item, round).catch((error) => {
        if (item.state === "removed") return;
        if (error.by_proxy) { way.open = Promise.resolve(false); block(); }
        const { words } = round.options();
        item.state = "failed";
        item.why = { 413: words.too_large, 429: words.too_many, 507: words.disk_full }[error.status] || words.failed;
      });
      round.changed();
    }
    round.working = false;
  }

  function remove(item) {
    item.state = "removed";
    if (item.request) item.request.abort();
    if (item.id) drop(item.id, round);
    forget(item);
    wake(); // the next one's turn does not wait for this one's next try
    if (item.preview) URL.revokeObjectURL(item.preview);
    round.items.splice(round.items.indexOf(item), 1);
    round.changed();
  }

  function paint() {
    if (!data) return;
    document.body.toggleAttribute("data-files", round.items.length > 0);  // ui/pages/style.css
    for (const [role, zone] of zones) {
      const list = zone.querySelector(".files");
      const items = round.items.filter((x) => x.role === role);
      for (const row of [...list.children]) if (!items.includes(row.item)) row.remove();
      for (const item of items) {
        let row = [...list.children].find((x) => x.item === item);
        if (!row) list.append((row = make(item)));
        draw(row, item);
      }
    }
  }

  function make(item) {
    const row = document.createElement("li");
    row.item = item;
    const sound = /\.(mp3|m4a|aac|wav|flac|ogg|opus)$/i.test(item.name);
    const view = document.createElement(sound ? "span" : "video");
    view.className = sound ? "view sound" : "view";
    if (sound) view.textContent = "♪";
    else Object.assign(view, { muted: true, preload: "metadata", playsInline: true, tabIndex: -1 });
    if (!sound && item.preview) view.src = `${item.preview}#t=0.5`;
    view.setAttribute("aria-hidden", "true");
    const middle = document.createElement("div");
    for (const [tag, name] of [["div", "name"], ["progress", "bar"], ["div", "text quiet"], ["div", "warning"]]) {
      const part = document.createElement(tag);
      part.className = name;
      middle.append(part);
    }
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "✕";
    button.onclick = () => remove(item);
    row.append(view, middle, button);
    return row;
  }

  function draw(row, item) {
    const words = data.words, facts = data.facts[item.id] || {};
    const share = item.size ? item.sent / item.size : 1;
    row.dataset.state = item.state;
    row.querySelector(".name").textContent = item.name;
    const bar = row.querySelector("progress");
    bar.value = share;
    bar.setAttribute("aria-label", `${item.name}: ${words.uploading.replace("{percent}", Math.floor(share * 100))}`);
    bar.hidden = ["done", "failed", "interrupted"].includes(item.state);
    let text = item.why ? "" : words[item.state] || "";  // the reason says it all
    if (item.state === "uploading") {
      text = words.uploading.replace("{percent}", Math.floor(share * 100));
      const left = item.rate ? (item.size - item.sent) / item.rate : 0;
      if (left > 2) text += ` · ${words.left.replace("{s}", Math.ceil(left))}`;
    }
    if (item.state === "interrupted") text = words.interrupted.replace("{percent}", Math.floor(share * 100));
    if (item.state === "done" && facts.text) text = facts.text;
    const view = row.querySelector("video.view");
    // What this browser cannot decode still has the server's picture.
    if (view && facts.thumbnail && !view.poster) view.poster = `data:image/jpeg;base64,${facts.thumbnail}`;
    row.querySelector(".text").textContent = text;
    row.querySelector(".warning").textContent = item.why || facts.warning || "";
    row.querySelector("button").setAttribute("aria-label", `${words.remove}: ${item.name}`);
  }

  function tell() {
    const whole = round.items.filter((x) => x.state === "done");
    const plain = ({ id, name, size }) => ({ id, name, size });
    const files = {
      dance: whole.filter((x) => x.role === "dance").map(plain),
      reference: whole.filter((x) => x.role === "reference").map(plain)[0] || null,
      coming: round.items.some((x) => ["waiting", "uploading", "resuming"].includes(x.state)),
    };
    const now = JSON.stringify(files);
    if (now === told) return;
    told = now;
    emit(files);
    const last = whole[whole.length - 1];
    if (last) root.querySelector(".live").textContent = `${last.name}: ${data.words.done}`;
  }

  return {
    update({ data: given, setStateValue }) {
      const first = data === null, news = data !== null && data.token !== given.token;
      data = given;
      emit = (files) => setStateValue("files", files);
      block = () => setStateValue("blocked", true);
      way.open ??= probe(data);
      if (first) way.open.then((open) => { if (!open) block(); });
      for (const [role, zone] of zones) {
        zone.querySelector("h4").textContent = data.words[role];
        zone.querySelector("p").textContent = data.words[`${role}_hint`];
        zone.querySelector(".drop").textContent = role === "dance" ? data.words.drop : data.words.drop_one;
        zone.querySelector(".pick span").textContent = role === "dance" ? data.words.choose : data.words.choose_one;
        const input = zone.querySelector("input");
        input.accept = data.accept[role];
        input.setAttribute("aria-label", `${data.words[role]}: ${role === "dance" ? data.words.choose : data.words.choose_one}`);
      }
      root.querySelector(".formats").textContent = data.words.formats;
      if (first) { keep(data.kept); name_unfinished(data.unfinished); }
      paint();
      tell();
      if (news) wake(); // a server that was started anew has let the page in
      // Somebody may have been faster than the loading of this script.
      if (first) for (const zone of zones.values()) zone.querySelector("input").onchange();
    },
    destroy() { document.body.removeAttribute("data-files"); },
  };
}

// --- tus ---

const END = 64 * 1024; // bytes of a file's start and end by which it is known again

async function placeOf(role, file) {
  let hash = 0xcbf29ce484222325n; // FNV-1a, since crypto.subtle wants HTTPS
  try {
    for (const part of [file.slice(0, END), file.slice(Math.max(END, file.size - END))]) {
      for (const byte of new Uint8Array(await part.arrayBuffer())) {
        hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
      }
    }
  } catch { return ""; } // gone since it was chosen: sending it says so
  return `retrack:${role}:${file.size}:${hash.toString(16)}`;
}

function known() { // the places of unfinished uploads by their ids
  const found = new Map();
  try {
    for (const key of Object.keys(localStorage)) if (key.startsWith("retrack:")) found.set(localStorage.getItem(key), key);
  } catch { /* private window */ }
  return found;
}
function recall(item) { try { return item.place && localStorage.getItem(item.place); } catch { return null; } }
function note(item) { try { if (item.place) localStorage.setItem(item.place, item.id); } catch { /* private window */ } }
function forget(item) { try { localStorage.removeItem(item.place); } catch { /* private window */ } }

// A method as it gets through, and the headers of every request.
function request_of(method, data) {
  const headers = { "Tus-Resumable": "1.0.0", [data.header]: data.token };
  if (!way.override || ["HEAD", "POST"].includes(method)) return { method, headers };
  return { method: "POST", headers: { ...headers, "X-HTTP-Method-Override": method } };
}

async function call(name, data, id, more) {
  const { method, headers } = request_of(name, data);
  const answer = await fetch(data.url + (id || ""), { method, headers: { ...headers, ...more }, credentials: "same-origin" });
  if (!answer.ok) throw new Refused(answer.status, answer.headers.has("Tus-Resumable"));
  return answer;
}

// --- proxies ---

// Whether the upload route answers: by its own methods, or by POST where a proxy lets no others through.
async function probe(data) {
  for (const override of [false, true]) {
    way.override = override;
    for (let tries = 0; tries < PROBES; tries++) {
      try {
        await call("OPTIONS", data, "", {});
        return true;
      } catch (error) {
        if (error instanceof Refused && !error.by_proxy && error.status < 500) return true; // by the route itself
        if (error.by_proxy) break;
        if (!error.status) return true; // no connection: an upload tries again by itself
      }
      await pause(WAITS[tries]);
    }
  }
  return false;
}

// Whether to send again otherwise what a proxy has refused.
function yields(error) {
  if (!error.by_proxy) return false;
  if (error.status === 413 && way.piece > LEAST_PIECE) way.piece = Math.max(LEAST_PIECE, way.piece / 4);
  else if (!way.override) way.override = true;
  else return false;
  return true;
}

// What is removed goes from the server as well, when it can be reached again.
async function drop(id, round) {
  for (const wait of WAITS) {
    try {
      await call("DELETE", round.options(), id, {});
      return;
    } catch (error) {
      if (error.status === 404 || error.status === 410) return;
      if (yields(error)) continue;
    }
    await pause(wait);
  }
}

async function send(item, round) {
  item.state = "uploading";
  item.id = recall(item);
  for (let tries = 0; ; ) {
    try {
      if (!item.id) {
        const answer = await call("POST", round.options(), "", {
          "Upload-Length": String(item.size),
          "Upload-Metadata": `filename ${encode(item.name)},filetype ${encode(item.file.type || "application/octet-stream")},role ${encode(item.role)}`,
        });
        item.id = answer.headers.get("Location").split("/").pop();
        item.sent = 0;
        note(item);
      } else {
        const answer = await call("HEAD", round.options(), item.id, {});
        item.sent = Number(answer.headers.get("Upload-Offset"));
      }
      do {
        if (item.state === "removed") return;
        item.state = "uploading";
        await piece(item, round);
        tries = 0;
      } while (item.sent < item.size);
      item.state = "done";
      forget(item);
      return;
    } catch (error) {
      if (item.state === "removed") return;
      if (yields(error)) continue;
      if (error.by_proxy) throw error;
      const gone = error.status === 404 || error.status === 410;
      if (gone) { item.id = null; forget(item); }
      // 403: the server was started anew and the page has yet to bring its new token.
      const again = !error.status || gone || [403, 409, 423].includes(error.status) || error.status >= 500 && error.status !== 507;
      if (!again || tries >= WAITS.length) throw error;
      item.state = "resuming";
      round.changed();
      await pause(WAITS[tries++]);
    }
  }
}

function piece(item, round) {
  // XMLHttpRequest, since fetch tells no progress of an upload.
  return new Promise((done, fail) => {
    const data = round.options(), from = item.sent, begun = performance.now();
    const request = (item.request = new XMLHttpRequest());
    const { method, headers } = request_of("PATCH", data);
    request.open(method, data.url + item.id);
    const more = { "Upload-Offset": String(from), "Content-Type": "application/offset+octet-stream" };
    for (const [name, value] of Object.entries({ ...headers, ...more })) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => {
      item.sent = from + event.loaded;
      item.rate = event.loaded / Math.max(0.05, (performance.now() - begun) / 1000);
      round.changed();
    };
    request.onload = () => {
      if (request.status !== 204) {
        item.sent = from;
        fail(new Refused(request.status, request.getResponseHeader("Tus-Resumable")));
        return;
      }
      item.sent = Number(request.getResponseHeader("Upload-Offset"));
      round.changed();
      done();
    };
    request.onerror = request.ontimeout = request.onabort = () => { item.sent = from; fail(new Error("dropped")); };
    request.send(item.file.slice(from, Math.min(item.size, from + way.piece)));
  });
}
