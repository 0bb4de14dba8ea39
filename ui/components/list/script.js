// The tasks: a table in a window, cards on a phone, by the style sheet alone.
// data: { rows: [{ id, picture, name, song, chip: { text, tone }, note, progress, when: { text, full },
//                  extras: [text], action: { name, label, href }, menu: [{ name, label }] }],
//         extras: [label], words, round, ticked: [id] }
// State sent back: "ticked": { round, ids }, the ids on other pages of the list included.
// Sent once each: "open": id; "act": { id, name }.

const make = (tag, className, ...content) => {
  const node = document.createElement(tag);
  node.className = className;
  node.append(...content);
  return node;
};

const create = (root) => {
  const head = root.querySelector("thead tr"), body = root.querySelector("tbody");
  let component, data, round, titles, ticked = new Set(), drawn = new Map();

  const button = (className, label, act) => {
    const node = make("button", className, label);
    node.type = "button";
    node.onclick = act;
    return node;
  };
  const send = (row, name) => component.setTriggerValue("act", { id: row.id, name });
  const tick = (row, on) => {
    if (on) ticked.add(row.id); else ticked.delete(row.id);
    showTicks();
    component.setStateValue("ticked", { round, ids: [...ticked] });
  };
  const showTicks = () => {
    root.dataset.ticked = ticked.size > 0;
    for (const [id, { node }] of drawn) {
      node.dataset.ticked = node.querySelector(".pick").checked = ticked.has(id);
    }
  };

  const picture = (row) => {
    if (!row.picture) return make("span", "still");
    const image = make("img", "still");
    image.alt = "";
    image.loading = "lazy";
    image.src = row.picture;
    // As while the server is away: a plain field, and another try after twice the time.
    let seconds = 1;
    image.onerror = () => {
      image.src = BLANK;
      seconds *= 2;
      if (seconds < MAX_PICTURE_SECONDS) setTimeout(() => { if (image.isConnected) image.src = row.picture; }, seconds * 1000);
    };
    return image;
  };
  const what = (row) => {
    const parts = [button("open", row.name), make("span", "song", row.song)];
    if (row.note) parts.push(make("span", "note", row.note));
    if (row.progress !== null) {
      const bar = make("span", "bar", make("i", ""));
      bar.firstChild.style.width = `${row.progress}%`;
      parts.push(bar);
    }
    return make("td", "what", ...parts);
  };
  const action = (row) => {
    const { name, label, href } = row.action;
    if (!href) return button("do", label, () => send(row, name));
    const link = make("a", "do", label);
    link.href = href;
    link.download = "";
    return link;
  };
  const menu = (row) => {
    const opener = make("summary", "", "⋯");
    opener.setAttribute("aria-label", `${data.words.menu}: ${row.name}`);
    const close = (act) => () => { node.open = false; act(); };
    const items = row.menu.map(({ name, label }) => button("item", label, close(() => send(row, name))));
    items.unshift(button("item", data.words.select, close(() => tick(row, !ticked.has(row.id)))));
    const node = make("details", "menu", opener, make("div", "items", ...items));
    return node;
  };
  const draw = (row) => {
    const pick = make("input", "pick");
    pick.type = "checkbox";
    pick.setAttribute("aria-label", `${data.words.select}: ${row.name}`);
    pick.onchange = () => tick(row, pick.checked);
    const chip = make("span", "chip", row.chip.text);
    chip.dataset.tone = row.chip.tone;
    const when = make("time", "", row.when.text);
    when.title = row.when.full;
    const extras = row.extras.map((text, i) => {
      const cell = make("td", "extra", text);
      cell.dataset.label = data.extras[i];
      return cell;
    });
    const node = make("tr", "",
      make("td", "tick", pick), make("td", "picture", picture(row)), what(row),
      make("td", "state", chip), make("td", "when", when), ...extras,
      make("td", "act", action(row), menu(row)));
    node.dataset.id = row.id;
    node.onclick = ({ target }) => {
      const own = target.closest(".tick, .act");
      if (!own) component.setTriggerValue("open", row.id);
    };
    return node;
  };

  // What is unchanged stays as it is: the keyboard's focus, a picture, an open menu.
  const redraw = (row, old) => {
    const node = draw(row);
    if (!old) return node;
    const focused = root.getRootNode().activeElement;
    const again = old.contains(focused) ? focused.className || focused.localName : "";
    node.querySelector(".menu").open = old.querySelector(".menu").open;
    old.replaceWith(node);
    if (again) (node.querySelector(`.${again}`) ?? node.querySelector(again))?.focus();
    return node;
  };

  const away = (event) => {
    for (const menu of body.querySelectorAll(".menu[open]")) {
      if (!event.composedPath().includes(menu)) menu.open = false;
    }
  };
  const escape = (event) => {
    const menu = event.key === "Escape" && body.querySelector(".menu[open]");
    if (menu) { menu.open = false; menu.firstChild.focus(); }
  };
  document.addEventListener("click", away);
  root.addEventListener("keydown", escape);

  return {
    update(given) {
      component = given;
      data = given.data;
      root.setAttribute("aria-label", data.words.table);
      const { select, picture, what, state, when, action } = data.words;
      const now = JSON.stringify([data.words, data.extras]);
      if (now !== titles) {
        const unseen = (className, text) => make("th", className, make("span", "unseen", text));
        head.replaceChildren(
          unseen("tick", select), unseen("picture", picture), make("th", "what", what),
          make("th", "state", state), make("th", "when", when),
          ...data.extras.map((label) => make("th", "extra", label)), unseen("act", action));
        for (const title of head.children) title.scope = "col";
      }
      const next = new Map();
      for (const row of data.rows) {
        const key = JSON.stringify(row), old = drawn.get(row.id);
        const same = old && old.key === key && now === titles;
        next.set(row.id, same ? old : { key, node: redraw(row, old?.node) });
      }
      titles = now;
      drawn = next;
      const nodes = [...drawn.values()].map(({ node }) => node);
      if (nodes.length !== body.children.length || nodes.some((node, i) => node !== body.children[i])) {
        body.replaceChildren(...nodes);
      }
      if (data.round !== round) {
        round = data.round;
        ticked = new Set(data.ticked);
      }
      showTicks();
    },
    destroy() { document.removeEventListener("click", away); },
  };
};

const BLANK = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==";  // nothing to see
const MAX_PICTURE_SECONDS = 300; // between two tries to load a picture

export default (component) => show(component, create);
