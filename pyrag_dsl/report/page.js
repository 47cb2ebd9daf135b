"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const rows = () => document.querySelectorAll(".call");

  // A link to a folded element unfolds it.
  const reveal = (id) => {
    const target = id && $(id);
    if (!target) return;
    for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
    target.scrollIntoView({ block: "center" });
  };
  addEventListener("hashchange", () => reveal(decodeURIComponent(location.hash.slice(1))));
  document.addEventListener("click", (event) => {
    const link = event.target.closest && event.target.closest("a[href^='#']");
    if (link && link.hash === location.hash) reveal(decodeURIComponent(link.hash.slice(1)));
  });

  // Highlight the calls on which a call depends, and the calls that depend on it, under the pointer or the focus.
  let graph = null;
  const build = () => {
    graph = { at: new Map(), up: new Map(), down: new Map() };
    for (const each of document.querySelectorAll("[data-k]")) {
      const key = each.dataset.k;
      if (!graph.at.has(key)) graph.at.set(key, []);
      graph.at.get(key).push(each);
      if (!each.dataset.from) continue;
      const parents = each.dataset.from.split(" ");
      graph.up.set(key, parents);
      for (const parent of parents) {
        if (!graph.down.has(parent)) graph.down.set(parent, []);
        graph.down.get(parent).push(key);
      }
    }
  };
  const reach = (edges, key) => {
    const found = new Set(), open = [key];
    while (open.length) for (const next of edges.get(open.pop()) || []) if (!found.has(next)) { found.add(next); open.push(next); }
    return found;
  };
  let lit = [], current = "";
  const light = (key) => {
    if (key === current) return;
    current = key;
    for (const each of lit) each.classList.remove("from", "to", "self");
    lit = [];
    if (!key) return;
    if (!graph) build();
    const mark = (keys, name) => {
      for (const each of keys) for (const at of graph.at.get(each) || []) { at.classList.add(name); lit.push(at); }
    };
    mark([key], "self");
    mark(reach(graph.up, key), "from");
    mark(reach(graph.down, key), "to");
  };
  const over = (event) => {
    const found = event.target.closest && event.target.closest("[data-k]");
    light(found ? found.dataset.k : "");
  };
  document.addEventListener("pointerover", over);
  document.addEventListener("focusin", over);
  window.pyragChanged = () => { graph = null; lit = []; current = ""; texts = new WeakMap(); find(); };

  // Finding and folding.
  let texts = new WeakMap();
  const text = (card) => {
    let found = texts.get(card);
    if (found === undefined) texts.set(card, (found = card.textContent.toLowerCase()));
    return found;
  };
  function find() {
    if (!$("find")) return;
    const words = $("find").value.toLowerCase().split(/\s+/).filter(Boolean);
    const kinds = $("only").value.split(" ").filter(Boolean);
    const asked = words.length + kinds.length > 0;
    let shown = 0;
    for (const card of rows()) {
      const good = (!kinds.length || kinds.some((kind) => card.classList.contains(kind))) && words.every((word) => text(card).includes(word));
      card.hidden = asked && !good;
      shown += good;
    }
    for (const group of document.querySelectorAll(".group, .nested")) {
      const some = group.querySelector(".call:not([hidden])") !== null;
      if (group.classList.contains("group")) group.hidden = asked && !some;
      if (asked) { if (!group.open && some) { group.open = true; group.dataset.opened = "1"; } }
      else if (group.dataset.opened) { group.open = false; delete group.dataset.opened; }
    }
    $("count").textContent = asked ? shown + " of " + rows().length : "";
  }
  let wait = 0;
  document.addEventListener("input", (event) => {
    if (event.target.id === "find" || event.target.id === "only") { clearTimeout(wait); wait = setTimeout(find, 120); }
  });
  document.addEventListener("click", (event) => {
    if (event.target.id !== "fold") return;
    const open = event.target.textContent === "open all";
    event.target.textContent = open ? "close all" : "open all";
    for (const each of document.querySelectorAll(".call:not([hidden]), .group:not([hidden])")) each.open = open;
  });

  // Keys.
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
    if (event.key === "Escape" && $("find")) { $("find").value = ""; $("only").value = ""; find(); event.target.blur(); }
    if (typing) return;
    if (event.key === "/" && $("find")) { event.preventDefault(); $("find").focus(); }
    if (event.key === "j" || event.key === "k") {
      const list = [...document.querySelectorAll(".call:not([hidden]) > summary")].filter((each) => each.checkVisibility ? each.checkVisibility() : each.offsetParent);
      const place = list.indexOf(document.activeElement);
      const next = list[Math.max(0, Math.min(list.length - 1, place + (event.key === "j" ? 1 : -1)))];
      if (next) { next.focus(); next.scrollIntoView({ block: "nearest" }); }
    }
  });

  // Unfold everything before printing, because it cannot be unfolded on paper.
  addEventListener("beforeprint", () => { if (rows().length <= 200) for (const each of document.querySelectorAll("details")) each.open = true; });
  if (location.hash) reveal(decodeURIComponent(location.hash.slice(1)));
})();
