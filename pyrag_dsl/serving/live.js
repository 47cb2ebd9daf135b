(() => {
  // Update the parts of the page while the run continues. Elements that exist are kept and changed in place: unfolded
  // elements stay unfolded, typed text stays, and nothing flickers.
  const name = (node) => node.nodeType === 1 ? node.dataset.node || node.id : "";
  const ours = (node) => node.nodeType === 1 && node.classList.contains("again");
  const untouched = new Set(["open", "hidden", "data-opened"]);
  let kept = new Map();
  const take = (node, into) => {
    const found = kept.get(name(node)) || [];
    const place = found.findIndex((each) => each.nodeName === node.nodeName && !each.contains(into));
    return place < 0 ? null : found.splice(place, 1)[0];
  };
  const become = (old, now) => {
    if (old.isEqualNode(now) || (old.id === "fold" && old.firstChild)) return;
    if (now.nodeType !== 1) { old.data = now.data; return; }
    for (const each of now.attributes) if (!untouched.has(each.name) && old.getAttribute(each.name) !== each.value) old.setAttribute(each.name, each.value);
    for (const each of [...old.attributes]) if (!untouched.has(each.name) && !now.hasAttribute(each.name)) old.removeAttribute(each.name);
    fit(old, now);
  };
  const fit = (old, now) => {
    const pairs = [];
    let at = old.firstChild;
    for (const node of now.childNodes) {
      const alike = at && at.nodeName === node.nodeName && !name(at) && !ours(at);
      const found = (name(node) ? take(node, old) : alike && at) || node.cloneNode(false);
      if (found === at) at = at.nextSibling;
      else old.insertBefore(found, at);
      pairs.push([found, node]);
    }
    while (at) { const next = at.nextSibling; if (!ours(at)) at.remove(); at = next; }
    for (const [found, node] of pairs) become(found, node);
  };
  const replace = (section, html) => {
    const made = document.createElement("template");
    made.innerHTML = html;
    kept = new Map();
    for (const each of section.querySelectorAll("[data-node], [id]")) {
      if (!kept.has(name(each))) kept.set(name(each), []);
      kept.get(name(each)).push(each);
    }
    fit(section, made.content);
  };
  // Keep the element at the top of the screen in its place if the page grows above it. The change may remove the first
  // element, so some are remembered. The browser's own way of doing this would be added to ours.
  document.documentElement.style.overflowAnchor = "none";
  document.documentElement.classList.add("live");
  const shown = () => {
    // Elements on the screen: first those that begin above it, the innermost first.
    const above = [], below = [];
    for (const each of document.querySelectorAll("main [data-node], main [id]")) {
      const { top, bottom } = each.getBoundingClientRect();
      if (bottom <= 1 || each.getClientRects().length === 0) continue;
      if (top <= 1) above.unshift([each, top]);
      else if (below.push([each, top]) === 20) break;
    }
    return [...above, ...below];
  };
  const steady = (change) => {
    const before = scrollY > 0 ? shown() : [];
    change();
    const [read, top] = before.find(([each]) => each.isConnected) || [];
    if (read) scrollBy({ top: read.getBoundingClientRect().top - top, behavior: "instant" });
  };
  let ended = false;
  const offer = () => {
    // Offer to make a search again with another top-k.
    for (const card of document.querySelectorAll(".call[data-topk]")) {
      const body = card.querySelector(".body");
      if (body.querySelector(".again")) continue;
      const row = document.createElement("p"), field = document.createElement("input"), button = document.createElement("button");
      row.className = "tools again";
      field.type = "number"; field.min = "1"; field.max = "100"; field.value = card.dataset.topk; field.setAttribute("aria-label", "top-k");
      button.type = "button"; button.textContent = "Search again with this top-k"; button.disabled = !ended;
      button.addEventListener("click", async () => {
        button.disabled = true;
        const answer = await fetch("rerun", { method: "POST", headers: { "Content-Type": "application/json", "X-Pyrag": "1" }, body: JSON.stringify({ node: card.dataset.node, topk: Number(field.value) }) });
        if (!answer.ok) { button.disabled = false; button.textContent = (await answer.json()).error; }
      });
      row.append(field, button);
      body.append(row);
    }
  };
  const source = new EventSource("events");
  source.onmessage = (event) => {
    const told = JSON.parse(event.data);
    ended = told.ended;
    steady(() => {
      for (const [part, html] of Object.entries(told.parts)) replace(document.getElementById("part-" + part), html);
      offer();
      window.pyragChanged();
    });
    if (told.parts.head) document.title = document.querySelector("h1").textContent;
    for (const each of document.querySelectorAll(".again button")) each.disabled = !ended;
  };
})();
