"use strict";
(() => {
  const by = (id) => document.getElementById(id);
  const rows = by("rows"), all = [...rows.children], tip = by("tip");
  document.documentElement.classList.add("scripted");

  const filter = () => {
    const word = by("find").value.trim().toLowerCase(), show = by("show").value;
    let count = 0;
    for (const row of all) {
      const data = row.dataset;
      const fits = data.name.includes(word) &&
        (!show || (show === "issues" ? data.issues !== "0" : data.verdict === show));
      row.hidden = !fits;
      count += fits;
    }
    by("shown").textContent = count === all.length ? "" : count + " of " + all.length;
  };
  by("find").addEventListener("input", filter);
  by("show").addEventListener("change", filter);

  by("unfold").addEventListener("click", (event) => {
    const open = event.target.textContent === "Open all";
    for (const row of all) if (!row.hidden) row.open = open;
    event.target.textContent = open ? "Close all" : "Open all";
  });

  const order = { drifted: 0, none: 1, steady: 2 };
  const key = (row, name) => {
    const value = row.dataset[name];
    return name === "verdict" ? order[value] : name === "effect" || name === "p" ? Number(value) : value;
  };
  for (const button of document.querySelectorAll("[data-sort]")) {
    button.addEventListener("click", () => {
      const name = button.dataset.sort;
      const up = button.dataset.order ? button.dataset.order !== "up" : name !== "effect";
      for (const other of document.querySelectorAll("[data-order]")) delete other.dataset.order;
      button.dataset.order = up ? "up" : "down";
      const sorted = [...all].sort((a, b) => {
        const [x, y] = [key(a, name), key(b, name)];
        return (x < y ? -1 : x > y ? 1 : 0) * (up ? 1 : -1);
      });
      rows.append(...sorted);
    });
  }

  const short = (value) => Math.abs(value) >= 1e6 || (value !== 0 && Math.abs(value) < 1e-3)
    ? value.toExponential(2) : String(Number(value.toPrecision(5)));
  const share = (value) => (value * 100).toFixed(2) + " %";
  for (const chart of document.querySelectorAll("svg[data-reference]")) {
    const reference = chart.dataset.reference.split(" ").map(Number);
    const current = chart.dataset.current.split(" ").map(Number);
    const low = Number(chart.dataset.low), width = (Number(chart.dataset.high) - low) / reference.length;
    const mark = chart.querySelector(".hover"), step = 640 / reference.length;
    chart.addEventListener("pointermove", (event) => {
      const box = chart.getBoundingClientRect();
      const bin = Math.min(reference.length - 1, Math.max(0, Math.floor((event.clientX - box.left) / box.width * reference.length)));
      mark.setAttribute("x", bin * step);
      mark.setAttribute("width", step);
      tip.textContent = short(low + bin * width) + " to " + short(low + (bin + 1) * width) +
        "\nreference " + share(reference[bin]) + "\ncurrent " + share(current[bin]);
      tip.hidden = false;
      tip.style.left = Math.min(event.clientX + 14, innerWidth - 190) + "px";
      tip.style.top = Math.min(event.clientY + 14, innerHeight - 80) + "px";
    });
    chart.addEventListener("pointerleave", () => { tip.hidden = true; mark.setAttribute("width", 0); });
  }

  let opened = [];
  addEventListener("beforeprint", () => {
    opened = all.filter((row) => !row.open && row.dataset.verdict === "drifted");
    for (const row of opened) row.open = true;
  });
  addEventListener("afterprint", () => { for (const row of opened) row.open = false; });
})();
