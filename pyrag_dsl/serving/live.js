(() => {
  // The parts of the page as the run goes on. What is unfolded, and what was typed, stays.
  const key = (each) => each.id || (each.closest(".call, .nested") || { id: "" }).id + "|" + each.className + "|" + (each.querySelector("summary") || each).textContent.slice(0, 120);
  const replace = (section, html) => {
    const open = new Set([...section.querySelectorAll("details[open]")].map(key));
    const typed = ["find", "only"].map((id) => [id, section.querySelector("#" + id)]).filter((pair) => pair[1]).map((pair) => [pair[0], pair[1].value, pair[1] === document.activeElement]);
    const chart = section.querySelector(".chart"), scroll = chart ? chart.scrollTop : 0;
    section.innerHTML = html;
    for (const each of section.querySelectorAll("details")) if (open.has(key(each))) each.open = true;
    for (const [id, value, focused] of typed) { const field = document.getElementById(id); if (field) { field.value = value; if (focused) field.focus(); } }
    if (scroll && section.querySelector(".chart")) section.querySelector(".chart").scrollTop = scroll;
  };
  let ended = false;
  const offer = () => {
    // A search that may be made again with another top-k.
    for (const card of document.querySelectorAll(".call[data-topk]")) {
      const body = card.querySelector(".body");
      if (body.querySelector(".again")) continue;
      const row = document.createElement("p"), field = document.createElement("input"), button = document.createElement("button");
      row.className = "tools again";
      field.type = "number"; field.min = "1"; field.max = "100"; field.value = card.dataset.topk; field.setAttribute("aria-label", "top-k");
      button.type = "button"; button.textContent = "Ask again with this top-k"; button.disabled = !ended;
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
    for (const [name, html] of Object.entries(told.parts)) replace(document.getElementById("part-" + name), html);
    if (told.parts.head) document.title = document.querySelector("h1").textContent;
    offer();
    for (const each of document.querySelectorAll(".again button")) each.disabled = !ended;
    window.pyragChanged();
  };
})();
