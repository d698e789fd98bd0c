"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const $ = (id) => document.getElementById(id);
  const details = new Map(data.details.map((detail) => [detail.function, detail]));
  for (const pass of data.details.flatMap((detail) => detail.passes)) pass.lines = pass.lines.map(([inst, text, offset]) => ({ inst, text, offset }));
  const VERDICTS = ["rejected", "inconclusive", "verified"];
  const TABS = [["findings", "Findings"], ["graph", "Graph"], ["code", "Code"], ["rewrites", "Rewrites"], ["slots", "Slots"], ["maps", "Stack maps"]];
  const PAGE = 200;
  const MAX_BLOCKS = 300;

  /** An element with attributes and children; text is never taken for markup. */
  function el(tag, attributes, ...children) {
    const svg = ["svg", "g", "rect", "path", "text", "circle", "line", "title", "marker", "defs"].includes(tag);
    const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (name === "on") for (const [event, handler] of Object.entries(value)) node.addEventListener(event, handler);
      else if (value === true) node.setAttribute(name, "");
      else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
    }
    node.append(...children.flat().filter((child) => child !== null && child !== undefined));
    return node;
  }
  const number = (n) => n.toLocaleString("en-US");
  const plural = (n, noun) => `${number(n)} ${noun}${n === 1 ? "" : "s"}`;
  const label = (f) => f.id.name ?? f.id.function;

  // ---- The list of functions.

  const state = { query: "", shown: new Set(VERDICTS), sort: "verdict", limit: PAGE, at: -1, tab: "code", pass: -1, diff: false, finding: 0 };
  let rows = [];

  function select() {
    const query = state.query.toLowerCase();
    const rank = (f) => VERDICTS.indexOf(f.verdict);
    const orders = {
      verdict: (a, b) => rank(a) - rank(b) || details.has(b.id.function) - details.has(a.id.function) || b.size - a.size,
      size: (a, b) => b.size - a.size,
      references: (a, b) => b.references - a.references,
      rewrites: (a, b) => b.rewrites - a.rewrites,
      order: () => 0,
    };
    rows = data.functions
      .map((f, i) => [f, i])
      .filter(([f]) => state.shown.has(f.verdict) && `${f.id.name ?? ""} ${f.id.function}`.toLowerCase().includes(query))
      .sort(([a, i], [b, j]) => orders[state.sort](a, b) || i - j)
      .map(([, i]) => i);
  }

  function list() {
    select();
    const items = rows.slice(0, state.limit).map((i) => {
      const f = data.functions[i];
      const full = details.has(f.id.function);
      return el("li", {}, el("button", {
        type: "button", class: full ? "" : "thin", "data-i": i, "aria-current": i === state.at ? "true" : "false",
        title: `${f.id.function}: ${f.verdict}${full ? "" : ", not in this page in full"}`,
        on: { click: () => open(i) },
      }, el("span", { class: `dot ${f.verdict}`, role: "img", "aria-label": f.verdict }), el("span", { class: "name" }, label(f)), el("span", { class: "size" }, number(f.size))));
    });
    $("list").replaceChildren(...items);
    $("count").textContent = `${number(rows.length)} of ${plural(data.functions.length, "function")}; ${number(details.size)} in full`;
    $("more").hidden = rows.length <= state.limit;
  }

  function open(i) {
    if (i < 0 || i >= data.functions.length) return;
    state.at = i;
    const detail = details.get(data.functions[i].id.function);
    state.finding = 0;
    if (detail) {
      const layer = detail.findings[0]?.layer;
      state.pass = layer ? passIndex(detail, layer) : detail.passes.length - 1;
      state.tab = detail.findings.length ? "findings" : "code";
    }
    state.diff = false;
    for (const button of $("list").querySelectorAll("button")) {
      const here = Number(button.dataset.i) === i;
      button.setAttribute("aria-current", here ? "true" : "false");
      if (here) button.scrollIntoView({ block: "nearest" });
    }
    show();
  }

  /** The pass that a finding is about; what comes after the CLIF is about its last. */
  function passIndex(detail, layer) {
    const at = detail.passes.findIndex((pass) => pass.pass === layer);
    return at >= 0 ? at : detail.passes.length - 1;
  }

  // ---- A function.

  function show() {
    const f = data.functions[state.at];
    if (!f) return;
    const detail = details.get(f.id.function);
    const head = [el("h2", {}, label(f)), el("p", { class: "counts" },
      el("span", { class: `badge ${f.verdict}` }, f.verdict),
      `${f.id.function} · ${number(f.size)} ${f.id.line ? "lines" : "bytes"} · ${plural(f.safepoints, "safepoint")} · ${plural(f.references, "reference")} · ${plural(f.dereferences, "dereference")} · ${plural(f.rewrites, "rewrite")}`)];
    $("head").replaceChildren(...head);
    location.replace(`#${encodeURIComponent(f.id.function)}/${state.tab}`);
    if (!detail) {
      $("tabs").replaceChildren();
      const why = f.watched ? `It is not in this page in full. Run clif-gc report with --function '${f.id.index ?? f.id.function}'.` : "It has no GC references, so there was nothing to look at.";
      $("panel").replaceChildren(el("p", { class: "empty" }, why));
      return;
    }
    const counts = { findings: detail.findings.length + detail.undecided.length, rewrites: detail.rewrites.length + detail.rewrites_left, maps: detail.emission?.records.length ?? 0 };
    $("tabs").replaceChildren(...TABS.map(([id, title], n) => el("button", {
      type: "button", role: "tab", id: `tab-${id}`, "aria-selected": state.tab === id ? "true" : "false", tabindex: state.tab === id ? 0 : -1,
      title: `key ${n + 1}`, on: { click: () => tab(id) },
    }, counts[id] === undefined ? title : `${title} (${number(counts[id])})`)));
    $("panel").setAttribute("aria-labelledby", `tab-${state.tab}`);
    const views = { findings: viewFindings, graph: viewGraph, code: viewCode, rewrites: viewRewrites, slots: viewSlots, maps: viewMaps };
    $("panel").replaceChildren(...views[state.tab](detail));
  }

  function tab(id) {
    state.tab = id;
    show();
  }

  function passBar(detail, ...more) {
    if (!detail.passes.length) return el("p", { class: "empty" }, "The function is too large for its code to be here.");
    const buttons = detail.passes.map((pass, i) => el("button", {
      type: "button", "aria-pressed": i === state.pass ? "true" : "false", on: { click: () => { state.pass = i; show(); } },
    }, pass.undone ? `${pass.pass} (undone)` : pass.pass));
    return el("div", { class: "bar" }, el("span", {}, "after"), el("span", { class: "passes", role: "group", "aria-label": "Passes" }, buttons), ...more);
  }

  const textsOf = (pass) => pass.lines.map((line) => line.text);

  // ---- Code.

  const TOKENS = /(;.*$)|(stack_map=\[[^\]]*\])|(! (?:spill|reload) v\d+)|(! [a-z_0-9]+(?:\((?:[^()]|\([^()]*\))*\))?)|\b((?:v|ss|block|fn|sig|region|gv)\d+)\b/g;

  /** A line of CLIF with its facts, stack maps and entities marked. */
  function paint(text) {
    const out = [];
    let last = 0;
    for (const match of text.matchAll(TOKENS)) {
      out.push(text.slice(last, match.index));
      last = match.index + match[0].length;
      const [all, comment, map, note, fact, entity] = match;
      if (comment) out.push(el("span", { class: "comment" }, all));
      else if (map) out.push(el("span", { class: "map" }, all));
      else if (note) out.push(el("span", { class: "spill" }, all));
      else if (fact) out.push(el("span", { class: "fact" }, all));
      else if (entity) out.push(el("span", { class: "e", "data-e": entity }, all));
    }
    out.push(text.slice(last));
    return out;
  }

  function lineOf(line, text, extra) {
    const classes = ["l", ...extra];
    if (/stack_map=/.test(text)) classes.push("safepoint");
    if (!line.inst && /^block\d/.test(text)) classes.push("head");
    return el("span", { class: classes.join(" "), "data-inst": line.inst, title: line.offset === null ? null : `Wasm offset 0x${line.offset.toString(16)}` },
      el("span", { class: "g" }, line.inst ?? ""), ...paint(text), "\n");
  }

  function legend() {
    return el("p", { class: "legend" }, el("span", {}, el("i", { style: "color:var(--fact)" }, "! fact"), " what is known of a value"),
      el("span", {}, el("i", { style: "color:var(--map);background:var(--map-bg)" }, "stack_map"), " a safepoint"),
      el("span", {}, el("i", { style: "color:var(--note)" }, "! spill, ! reload"), " what a slot stands for"),
      el("span", {}, "click a name to see it everywhere"));
  }

  function viewCode(detail) {
    const pass = detail.passes[state.pass];
    const toggle = el("label", {}, el("input", { type: "checkbox", id: "diff", checked: state.diff, disabled: state.pass <= 0, on: { change: (event) => { state.diff = event.target.checked; show(); } } }), " difference to the pass before");
    if (!pass) return [passBar(detail)];
    const code = state.diff && state.pass > 0 ? difference(detail.passes[before(detail, state.pass)], pass) : whole(detail, pass);
    const left = detail.passes_left.length ? [el("p", { class: "empty" }, `Left out, as the function is too large: ${detail.passes_left.join(", ")}.`)] : [];
    return [passBar(detail, toggle), legend(), ...left, el("pre", { class: "code", on: { click: pick } }, code)];
  }

  /** The pass before, without those that were undone. */
  function before(detail, at) {
    let i = at - 1;
    while (i > 0 && detail.passes[i].undone) i -= 1;
    return i;
  }

  function whole(detail, pass) {
    const here = detail.findings.filter((finding) => detail.passes[passIndex(detail, finding.layer)] === pass);
    const guilty = new Set(here.map((finding) => finding.inst));
    const steps = new Set(here.flatMap((finding) => finding.witness.map((step) => step.inst ?? step.block)));
    const texts = textsOf(pass);
    return pass.lines.map((line, i) => {
      const extra = [];
      const name = line.inst ?? /^(block\d+)/.exec(texts[i])?.[1];
      if (guilty.has(name)) extra.push("guilty");
      if (steps.has(name)) extra.push("witness");
      return lineOf(line, texts[i], extra);
    });
  }

  /** The shortest edit of one list into another (Myers), as [sign, index] pairs. */
  function edits(a, b) {
    const n = a.length, m = b.length, max = Math.min(n + m, 4000);
    const trace = [];
    let v = new Map([[1, 0]]);
    let found = -1;
    for (let d = 0; d <= max && found < 0; d += 1) {
      trace.push(new Map(v));
      for (let k = -d; k <= d; k += 2) {
        let x = k === -d || (k !== d && v.get(k - 1) < v.get(k + 1)) ? v.get(k + 1) : v.get(k - 1) + 1;
        let y = x - k;
        while (x < n && y < m && a[x] === b[y]) { x += 1; y += 1; }
        v.set(k, x);
        if (x >= n && y >= m) { found = d; break; }
      }
    }
    if (found < 0) return [...a.map((_, i) => ["-", i]), ...b.map((_, i) => ["+", i])];
    const out = [];
    let x = n, y = m;
    for (let d = found; d > 0; d -= 1) {
      const w = trace[d];
      const k = x - y;
      const from = k === -d || (k !== d && w.get(k - 1) < w.get(k + 1)) ? k + 1 : k - 1;
      const px = w.get(from), py = px - from;
      while (x > px && y > py) { x -= 1; y -= 1; out.push([" ", y]); }
      if (x === px) { y -= 1; out.push(["+", y]); } else { x -= 1; out.push(["-", x]); }
    }
    while (x > 0 && y > 0) { x -= 1; y -= 1; out.push([" ", y]); }
    return out.reverse();
  }

  function difference(old, now) {
    const [a, b] = [textsOf(old), textsOf(now)];
    const trim = (text) => text.trim();
    const script = edits(a.map(trim), b.map(trim));
    const near = script.map(([sign], i) => script.slice(Math.max(0, i - 3), i + 4).some(([other]) => other !== " "));
    const out = [];
    let skipped = 0;
    const skip = () => {
      if (skipped) out.push(el("span", { class: "l skip" }, `… ${plural(skipped, "line")} …\n`));
      skipped = 0;
    };
    script.forEach(([sign, i], at) => {
      if (!near[at]) { skipped += 1; return; }
      skip();
      out.push(sign === "-" ? lineOf(old.lines[i], a[i], ["minus"]) : lineOf(now.lines[i], b[i], sign === "+" ? ["plus"] : []));
    });
    skip();
    return script.some(([sign]) => sign !== " ") ? out : [el("span", { class: "l skip" }, "nothing changed\n")];
  }

  function pick(event) {
    const name = event.target.dataset?.e;
    const was = event.target.classList.contains("hit");
    for (const node of $("panel").querySelectorAll(".e.hit")) node.classList.remove("hit");
    if (name && !was) for (const node of $("panel").querySelectorAll(`.e[data-e="${name}"]`)) node.classList.add("hit");
  }

  /** Show an instruction, or a block, in the code. */
  function goTo(detail, name, layer) {
    if (layer) state.pass = passIndex(detail, layer);
    state.diff = false;
    state.tab = "code";
    show();
    const lines = [...$("panel").querySelectorAll(".l")];
    const line = lines.find((node) => node.dataset.inst === name) ?? lines.find((node) => node.classList.contains("head") && node.textContent.trim().startsWith(name) && !/\d/.test(node.textContent.trim()[name.length] ?? ""));
    if (line) {
      line.classList.add("hit");
      line.scrollIntoView({ block: "center" });
    }
  }
  const link = (detail, name, layer, text) => el("button", { type: "button", on: { click: () => goTo(detail, name, layer) } }, text ?? name);

  // ---- Findings.

  function viewFindings(detail) {
    const findings = detail.findings.map((finding, n) => el("article", { class: "finding" },
      el("h3", { style: "margin:0" }, `${finding.code} ${finding.name}`),
      el("p", {}, finding.message),
      el("p", { class: "counts" }, [
        finding.layer === "input" ? "as the producer made it" : `after ${finding.layer}`,
        finding.rule && `rule ${finding.rule}`, finding.line && `line ${finding.line}`,
        finding.wasm_offset !== null && `Wasm offset 0x${finding.wasm_offset.toString(16)}${finding.wasm_operator ? ` (${finding.wasm_operator})` : ""}`,
      ].filter(Boolean).join(" · ")),
      el("p", {}, `What must hold: ${data.checks[finding.code] ?? ""}.`),
      el("p", {}, "The path that shows it: ", el("button", { type: "button", on: { click: () => { state.finding = n; state.pass = passIndex(detail, finding.layer); tab("graph"); } } }, "draw it")),
      el("ol", { class: "steps" }, finding.witness.map((step) => el("li", {}, `${step.role} `, link(detail, step.inst ?? step.block, finding.layer, `${step.inst ?? ""}${step.inst ? " in " : ""}${step.block}${step.text ? `: ${step.text}` : ""}`))))));
    const open = detail.undecided.map((text) => el("article", { class: "finding open" }, el("p", {}, text)));
    const all = [...findings, ...open];
    return all.length ? all : [el("p", { class: "empty" }, "Every check holds.")];
  }

  // ---- The control-flow graph.

  /** The blocks of a pass, with their instructions and successors. */
  function blocksOf(pass) {
    const texts = textsOf(pass);
    const blocks = [];
    let block = null;
    pass.lines.forEach((line, i) => {
      const head = !line.inst && /^\s*(block\d+)\b/.exec(texts[i]);
      if (head) blocks.push(block = { name: head[1], insts: [], safepoints: 0, last: "", cold: / cold/.test(texts[i]) });
      else if (block && line.inst) {
        if (block.insts.at(-1) !== line.inst) { block.insts.push(line.inst); block.last = ""; }
        block.last += ` ${texts[i]}`;
        if (/stack_map=/.test(texts[i])) block.safepoints += 1;
      }
    });
    const known = new Map(blocks.map((b, i) => [b.name, i]));
    for (const b of blocks) {
      const code = b.last.replace(/;.*$/, "");
      b.next = [...new Set([...code.matchAll(/\bblock\d+\b/g)].map(([name]) => known.get(name)).filter((i) => i !== undefined))];
    }
    return blocks;
  }

  /** Ranks from top to bottom, without the edges that lead back; then an order in each rank with few crossings. */
  function layout(blocks, width, height) {
    const order = [], status = new Array(blocks.length).fill(0), back = new Set();
    const stack = blocks.length ? [[0, 0]] : [];
    if (stack.length) status[0] = 1;
    while (stack.length) {
      const top = stack.at(-1);
      const next = blocks[top[0]].next[top[1]];
      if (next === undefined) { status[top[0]] = 2; order.push(top[0]); stack.pop(); continue; }
      top[1] += 1;
      if (status[next] === 1) back.add(`${top[0]} ${next}`);
      else if (status[next] === 0) { status[next] = 1; stack.push([next, 0]); }
    }
    order.reverse();
    const rank = new Map(order.map((i) => [i, 0]));
    for (const i of order) for (const j of blocks[i].next) if (!back.has(`${i} ${j}`)) rank.set(j, Math.max(rank.get(j), rank.get(i) + 1));
    // Nodes are blocks, and bends where an edge passes a rank.
    const nodes = [], layers = [], edges = [], nodeOf = new Map();
    const put = (node) => { nodes.push(node); (layers[node.rank] ??= []).push(node); return node; };
    for (const i of order) nodeOf.set(i, put({ block: i, rank: rank.get(i), up: [], down: [], w: width }));
    for (const i of order) for (const j of blocks[i].next) {
      const isBack = back.has(`${i} ${j}`);
      const [from, to] = isBack ? [nodeOf.get(j), nodeOf.get(i)] : [nodeOf.get(i), nodeOf.get(j)];
      const chain = [from];
      for (let r = from.rank + 1; r < to.rank; r += 1) chain.push(put({ rank: r, up: [], down: [], w: 14 }));
      if (to !== from) chain.push(to);
      for (let n = 1; n < chain.length; n += 1) { chain[n - 1].down.push(chain[n]); chain[n].up.push(chain[n - 1]); }
      edges.push({ from: i, to: j, back: isBack, chain });
    }
    const place = () => layers.forEach((layer) => layer.forEach((node, i) => { node.at = i; }));
    place();
    const median = (others) => {
      const at = others.map((other) => other.at).sort((a, b) => a - b);
      return at.length ? (at[(at.length - 1) >> 1] + at[at.length >> 1]) / 2 : -1;
    };
    for (let sweep = 0; sweep < 10; sweep += 1) {
      const down = sweep % 2 === 0;
      for (const layer of down ? layers : [...layers].reverse()) {
        const key = new Map(layer.map((node) => { const m = median(down ? node.up : node.down); return [node, m < 0 ? node.at : m]; }));
        layer.sort((a, b) => key.get(a) - key.get(b) || a.at - b.at);
        layer.forEach((node, i) => { node.at = i; });
      }
    }
    const gap = 26;
    for (const layer of layers) { let x = 0; for (const node of layer) { node.x = x + node.w / 2; x += node.w + gap; } }
    const spread = (layer) => {
      for (let i = 1; i < layer.length; i += 1) layer[i].x = Math.max(layer[i].x, layer[i - 1].x + (layer[i - 1].w + layer[i].w) / 2 + gap);
      for (let i = layer.length - 2; i >= 0; i -= 1) layer[i].x = Math.min(layer[i].x, layer[i + 1].x - (layer[i].w + layer[i + 1].w) / 2 - gap);
      for (let i = 1; i < layer.length; i += 1) layer[i].x = Math.max(layer[i].x, layer[i - 1].x + (layer[i - 1].w + layer[i].w) / 2 + gap);
    };
    for (let round = 0; round < 16; round += 1) {
      const down = round % 2 === 0;
      for (const layer of down ? layers : [...layers].reverse()) {
        for (const node of layer) {
          const others = down ? node.up : node.down;
          if (others.length) node.x = others.reduce((sum, other) => sum + other.x, 0) / others.length;
        }
        spread(layer);
      }
    }
    const left = Math.min(...nodes.map((node) => node.x - node.w / 2));
    for (const node of nodes) { node.x += 24 - left; node.y = 24 + node.rank * (height + 46) + height / 2; }
    return { nodes, edges, nodeOf, height: 48 + layers.length * (height + 46), width: 48 + Math.max(...nodes.map((node) => node.x + node.w / 2)) };
  }

  /** The edges that a witness takes, as far as it names the blocks that they join; and the numbers of its steps. */
  function pathOf(finding, blocks) {
    const names = [];
    const steps = new Map();
    (finding?.witness ?? []).forEach((step, i) => {
      if (names.at(-1) !== step.block) names.push(step.block);
      if (step.role !== "through") steps.set(step.block, [...(steps.get(step.block) ?? []), i + 1]);
    });
    const index = new Map(blocks.map((b, i) => [b.name, i]));
    const taken = new Set();
    for (let n = 1; n < names.length; n += 1) {
      const [from, to] = [index.get(names[n - 1]), index.get(names[n])];
      if (from === undefined || to === undefined) continue;
      // Blocks between two steps may be left out of a witness: take a shortest way.
      const came = new Map([[from, null]]);
      const queue = [from];
      let last = null;
      while (queue.length && last === null) {
        const at = queue.shift();
        for (const next of blocks[at].next) {
          if (next === to) { last = at; break; }
          if (!came.has(next)) { came.set(next, at); queue.push(next); }
        }
      }
      for (let at = last, next = to; at !== null && at !== undefined; next = at, at = came.get(at)) taken.add(`${at} ${next}`);
    }
    return { taken, steps, names: new Set(names) };
  }

  function viewGraph(detail) {
    const pass = detail.passes[state.pass];
    if (!pass) return [passBar(detail)];
    let blocks = blocksOf(pass);
    const here = detail.findings.map((finding, i) => [finding, i]).filter(([finding]) => passIndex(detail, finding.layer) === state.pass);
    const finding = here.find(([, i]) => i === state.finding)?.[0] ?? here[0]?.[0];
    const choice = here.length > 1 ? el("label", {}, "path of ", el("select", { on: { change: (event) => { state.finding = Number(event.target.value); show(); } } },
      here.map(([f, i]) => el("option", { value: i, selected: f === finding }, `${f.code} at ${f.inst}`)))) : el("span", {}, finding ? `path of ${finding.code}: ${finding.message}` : "");
    const total = blocks.length;
    if (total > MAX_BLOCKS) blocks = near(blocks, pathOf(finding, blocks).names);
    const path = pathOf(finding, blocks);
    const [w, h] = [154, 42];
    const drawn = layout(blocks, w, h);
    const svg = el("svg", { width: drawn.width, height: drawn.height, role: "img", "aria-label": `Control-flow graph of ${plural(blocks.length, "block")}` });
    svg.append(el("defs", {}, ["", "path"].map((kind) => el("marker", { id: `arrow${kind}`, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto-start-reverse", markerUnits: "userSpaceOnUse" },
      el("path", { d: "M0 0L8 4L0 8z", style: `fill:var(${kind ? "--bad" : "--dim"})` })))));
    const edge = ({ from, to, back, chain }) => {
      let points;
      if (from === to) {
        const n = drawn.nodeOf.get(from);
        const x = n.x + w / 2;
        return [`M${x} ${n.y + 8}C${x + 30} ${n.y + 30} ${x + 30} ${n.y - 30} ${x} ${n.y - 8}`, back];
      }
      points = chain.map((node, i) => [node.x, node.y + (i === 0 ? h / 2 : i === chain.length - 1 ? -h / 2 : 0)]);
      if (back) points = points.reverse();
      let d = `M${points[0][0]} ${points[0][1]}`;
      for (let i = 1; i < points.length; i += 1) {
        const [[x0, y0], [x1, y1]] = [points[i - 1], points[i]];
        const bend = (y1 - y0) / 2;
        d += `C${x0} ${y0 + bend} ${x1} ${y1 - bend} ${x1} ${y1}`;
      }
      return [d, back];
    };
    const sorted = [...drawn.edges].sort((a, b) => path.taken.has(`${a.from} ${a.to}`) - path.taken.has(`${b.from} ${b.to}`));
    for (const e of sorted) {
      const [d, back] = edge(e);
      const on = path.taken.has(`${e.from} ${e.to}`);
      svg.append(el("path", { class: `edge${back ? " back" : ""}${on ? " path" : ""}`, d, "marker-end": `url(#arrow${on ? "path" : ""})` }));
    }
    for (const node of drawn.nodes.filter((n) => n.block !== undefined)) {
      const block = blocks[node.block];
      const classes = ["node"];
      if (block.safepoints) classes.push("safepoint");
      if (path.names.has(block.name)) classes.push("path");
      if (finding && block.insts.includes(finding.inst)) classes.push("guilty");
      const activate = () => goTo(detail, block.name, null);
      const g = el("g", { class: classes.join(" "), tabindex: 0, role: "button", "aria-label": `${block.name}, ${plural(block.insts.length, "instruction")}`, on: { click: activate, keydown: (event) => { if (event.key === "Enter") activate(); } } },
        el("rect", { x: node.x - w / 2, y: node.y - h / 2, width: w, height: h, rx: 6 }),
        el("text", { x: node.x - w / 2 + 8, y: node.y - 4 }, `${block.name}${block.cold ? " cold" : ""}`),
        el("text", { class: "small", x: node.x - w / 2 + 8, y: node.y + 13 }, `${block.insts.length} inst${block.safepoints ? `, ${plural(block.safepoints, "safepoint")}` : ""}`));
      (path.steps.get(block.name) ?? []).forEach((step, i) => {
        const [x, y] = [node.x + w / 2 - 10 - i * 18, node.y - h / 2];
        g.append(el("circle", { class: "mark", cx: x, cy: y, r: 8 }), el("text", { class: "step", x, y: y + 3.5, "text-anchor": "middle" }, String(step)));
      });
      svg.append(g);
    }
    const unreached = blocks.length - drawn.nodeOf.size;
    const notes = [blocks.length < total && `${number(blocks.length)} of ${number(total)} blocks: those near the path, or the first`, unreached > 0 && `${plural(unreached, "block")} that no path reaches not drawn`].filter(Boolean);
    const steps = finding ? [el("ol", { class: "steps" }, finding.witness.map((step) => el("li", {}, `${step.role} `, link(detail, step.inst ?? step.block, finding.layer, `${step.inst ?? step.block}${step.text ? `: ${step.text}` : ""}`))))] : [];
    // The first block of the path, or else the entry, is in sight.
    const start = drawn.nodes.find((n) => n.block !== undefined && path.names.has(blocks[n.block].name)) ?? drawn.nodes[0];
    const box = el("div", { class: "graph" }, svg);
    if (start) requestAnimationFrame(() => { box.scrollLeft = start.x - box.clientWidth / 2; box.scrollTop = start.y - h; });
    return [passBar(detail, choice), ...(notes.length ? [el("p", { class: "counts" }, notes.join("; "))] : []), box, ...steps];
  }

  /** The blocks around some, or else the first ones. */
  function near(blocks, names) {
    const keep = new Set(blocks.map((b, i) => [b, i]).filter(([b]) => names.has(b.name)).map(([, i]) => i));
    if (!keep.size) blocks.slice(0, MAX_BLOCKS).forEach((_, i) => keep.add(i));
    for (let round = 0; round < 2 && keep.size < MAX_BLOCKS; round += 1) {
      for (const i of [...keep]) for (const j of blocks[i].next) if (keep.size < MAX_BLOCKS) keep.add(j);
      blocks.forEach((b, i) => { if (keep.size < MAX_BLOCKS && b.next.some((j) => keep.has(j) && names.has(blocks[j].name))) keep.add(i); });
    }
    const list = [...keep].sort((a, b) => a - b);
    const index = new Map(list.map((i, n) => [i, n]));
    const part = list.map((i) => ({ ...blocks[i], next: blocks[i].next.map((j) => index.get(j)).filter((j) => j !== undefined) }));
    // What is not reached from the first block would not be drawn.
    const reached = new Set();
    const visit = (start) => { const todo = [start]; while (todo.length) { const i = todo.pop(); if (!reached.has(i)) { reached.add(i); todo.push(...part[i].next); } } };
    visit(0);
    part.forEach((b, i) => { if (!reached.has(i)) { part[0].next = [...part[0].next, i]; visit(i); } });
    return part;
  }

  // ---- Rewrites.

  function viewRewrites(detail) {
    if (!detail.rewrites.length) return [el("p", { class: "empty" }, "The optimizer asked for no rewrite.")];
    const kind = (r) => r.verdict.code ? "wrong" : r.verdict.answer === "refused" ? "refused" : r.references ? "good" : "plain";
    const only = el("label", {}, el("input", { type: "checkbox", checked: state.references, on: { change: (event) => { state.references = event.target.checked; show(); } } }), " only those of references, or wrong");
    const shown = detail.rewrites.filter((r) => !state.references || r.references || r.verdict.code);
    const first = detail.rewrites[0].number, last = detail.rewrites.at(-1).number;
    const strip = el("svg", { class: "strip", viewBox: "0 0 1000 44", preserveAspectRatio: "none", role: "img", "aria-label": "Rewrites in the order in which they were asked for" }, el("line", { x1: 0, x2: 1000, y1: 22, y2: 22 }));
    for (const r of shown.slice(0, 1500)) {
      const x = last === first ? 500 : 12 + 976 * (r.number - first) / (last - first);
      const k = kind(r);
      strip.append(el("circle", { class: k, cx: x, cy: k === "wrong" ? 12 : k === "plain" ? 32 : 22, r: k === "wrong" ? 7 : 4.5, on: { click: () => document.getElementById(`r${r.number}`)?.scrollIntoView({ block: "center" }) } }, el("title", {}, `${r.number} ${r.event} ${r.rule ?? ""}`)));
    }
    const side = (s) => s ? [el("span", { class: "mono" }, s[0]), s[1] ? el("span", { class: "mono", style: "color:var(--fact)" }, ` ! ${s[1]}`) : null] : ["nothing"];
    const table = el("table", {}, el("thead", {}, el("tr", {}, ["#", "pass", "what", "before", "after", "verdict"].map((t) => el("th", { scope: "col" }, t)))),
      el("tbody", {}, shown.slice(0, 1500).map((r) => el("tr", { id: `r${r.number}`, class: r.verdict.code ? "wrong" : "" },
        el("td", {}, String(r.number)), el("td", {}, r.pass), el("td", {}, `${r.event} `, el("span", { class: "links" }, link(detail, r.entity.startsWith("inst") ? r.entity : "", r.pass, r.entity)), r.rule ? el("div", { class: "mono" }, r.rule) : null),
        el("td", {}, side(r.before)), el("td", {}, side(r.after), r.note ? el("div", { class: "counts" }, r.note) : null),
        el("td", {}, `${r.verdict.answer}, ${r.verdict.reason.replaceAll("-", " ")}`, r.verdict.code ? el("div", {}, el("b", {}, r.verdict.code), `: ${r.verdict.message}`) : null)))));
    const left = detail.rewrites_left + Math.max(0, shown.length - 1500);
    return [el("div", { class: "bar" }, only, el("span", {}, `${number(shown.length)} shown`), left ? el("span", {}, `${number(left)} left out`) : null), strip, el("div", { class: "scroll" }, table)];
  }

  // ---- Slots.

  /** What is stored to, named by a safepoint in, and loaded from each place of a stack slot. */
  function slotsOf(pass) {
    const texts = textsOf(pass);
    const address = new Map(), sizes = new Map(), places = new Map();
    const at = (slot, offset) => {
      const key = `${slot}+${offset}`;
      if (!places.has(key)) places.set(key, { slot, offset, of: new Set(), stores: [], maps: [], loads: [] });
      return places.get(key);
    };
    const resolve = (operand) => {
      const match = /^(v\d+)(?:\+(\d+))?$/.exec(operand ?? "");
      const base = match && address.get(match[1]);
      return base && [base[0], base[1] + Number(match[2] ?? 0)];
    };
    pass.lines.forEach((line, i) => {
      const text = texts[i].replace(/;.*$/, "").trim();
      const decl = /^(ss\d+) = \w*slot (\d+)/.exec(text);
      if (decl) sizes.set(decl[1], Number(decl[2]));
      if (!line.inst) return;
      const taken = /^(v\d+).*= stack_addr\.\w+ (ss\d+)(?:\+(\d+))?/.exec(text);
      if (taken) address.set(taken[1], [taken[2], Number(taken[3] ?? 0)]);
      const store = /^(?:i?store\d*)\S* .*?(v\d+), (v\d+(?:\+\d+)?)(?= |$)/.exec(text);
      const stored = store && resolve(store[2]);
      const spill = /! spill (v\d+)/.exec(text)?.[1];
      if (stored) { const p = at(...stored); p.stores.push([line.inst, store[1]]); p.of.add(spill ?? store[1]); }
      const load = /^(v\d+).*= (?:[su]?load\d*)\S* .*?(v\d+(?:\+\d+)?)(?: !.*)?$/.exec(text);
      const loaded = load && resolve(load[2]);
      if (loaded) { const p = at(...loaded); p.loads.push([line.inst, load[1]]); const of = /! reload (v\d+)/.exec(text)?.[1]; if (of) p.of.add(of); }
      for (const map of text.matchAll(/(\w+) @ (ss\d+)\+(\d+)/g)) at(map[2], Number(map[3])).maps.push([line.inst, map[1]]);
    });
    return { places: [...places.values()].sort((a, b) => a.slot.localeCompare(b.slot, "en", { numeric: true }) || a.offset - b.offset), sizes };
  }

  function viewSlots(detail) {
    const pass = detail.passes[state.pass];
    if (!pass) return [passBar(detail)];
    const { places, sizes } = slotsOf(pass);
    if (!places.length) return [passBar(detail), el("p", { class: "empty" }, "No stack slot is used.")];
    const links = (items) => el("td", { class: "links" }, items.length ? items.slice(0, 60).map(([inst, what]) => link(detail, inst, pass.pass, `${inst} ${what}`)) : "–", items.length > 60 ? ` and ${items.length - 60} more` : null);
    const table = el("table", {}, el("thead", {}, el("tr", {}, ["slot", "size", "stands for", "stored", "in the stack map of", "loaded"].map((t) => el("th", { scope: "col" }, t)))),
      el("tbody", {}, places.map((p) => el("tr", {}, el("td", { class: "mono" }, `${p.slot}+${p.offset}`), el("td", {}, sizes.has(p.slot) ? String(sizes.get(p.slot)) : "–"), el("td", { class: "mono" }, [...p.of].join(", ")), links(p.stores), links(p.maps.map(([inst, ty]) => [inst, ty])), links(p.loads)))));
    return [passBar(detail), el("div", { class: "scroll" }, table)];
  }

  // ---- What was emitted.

  function viewMaps(detail) {
    const emission = detail.emission;
    if (!emission) return [el("p", { class: "empty" }, "Nothing was emitted.")];
    const slot = (offset) => {
      const before = emission.slots.filter(([, at]) => at <= offset);
      const [name, at] = before.at(-1) ?? [];
      return name ? `${name}+${offset - at}` : "";
    };
    const about = el("p", { class: "counts" }, `${plural(emission.code_size, "byte")} of machine code, a frame of ${plural(emission.frame_size, "byte")}`);
    if (!emission.records.length) return [about, el("p", { class: "empty" }, "No stack map was emitted.")];
    const last = detail.passes.at(-1)?.pass;
    const table = el("table", {}, el("thead", {}, el("tr", {}, ["return address", "call", "references"].map((t) => el("th", { scope: "col" }, t)))),
      el("tbody", {}, emission.records.map((r) => el("tr", {}, el("td", { class: "mono" }, `0x${r.return_address.toString(16)}`), el("td", { class: "links" }, r.inst ? link(detail, r.inst, last) : "–"),
        el("td", { class: "mono" }, r.entries.map(([offset, ty]) => `${ty} at sp+${offset} (${slot(offset)})`).join(", ") || "none")))));
    return [about, el("div", { class: "scroll" }, table)];
  }

  // ---- Keys, and the beginning.

  function theme() {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  }
  function step(by) {
    const at = rows.indexOf(state.at);
    const next = rows[Math.max(0, Math.min(rows.length - 1, at + by))];
    if (next !== undefined) {
      if (rows.indexOf(next) >= state.limit) { state.limit += PAGE; list(); }
      open(next);
    }
  }
  function pass(by) {
    const detail = details.get(data.functions[state.at]?.id.function);
    if (!detail) return;
    state.pass = Math.max(0, Math.min(detail.passes.length - 1, state.pass + by));
    show();
  }
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || $("help").open) return;
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) && event.target.type !== "checkbox";
    if (typing) {
      if (event.key === "Escape") event.target.blur();
      if (event.key === "Enter" && event.target === $("search") && rows.length) { open(rows[0]); $("view").focus(); }
      return;
    }
    const keys = {
      "/": () => $("search").focus(), j: () => step(1), k: () => step(-1), t: theme, "?": () => $("help").showModal(),
      "[": () => pass(-1), "]": () => pass(1), d: () => { state.diff = !state.diff; tab("code"); },
    };
    const chosen = keys[event.key] ?? (TABS[Number(event.key) - 1] && (() => tab(TABS[Number(event.key) - 1][0])));
    if (chosen) { event.preventDefault(); chosen(); }
    if (event.target.getAttribute("role") === "tab" && (event.key === "ArrowLeft" || event.key === "ArrowRight")) {
      const at = TABS.findIndex(([id]) => id === state.tab);
      tab(TABS[(at + (event.key === "ArrowRight" ? 1 : TABS.length - 1)) % TABS.length][0]);
      $(`tab-${state.tab}`).focus();
    }
  });

  const totals = (verdict) => data.functions.filter((f) => f.verdict === verdict).length;
  $("file").textContent = data.file;
  $("about").textContent = `${data.configuration} · clif-gc ${data.version}, Cranelift ${data.cranelift}, Wasmtime ${data.wasmtime}`;
  $("verdicts").replaceChildren(...VERDICTS.map((verdict) => el("button", {
    type: "button", class: verdict, "aria-pressed": "true", on: { click: (event) => {
      const on = !state.shown.delete(verdict);
      if (on) state.shown.add(verdict);
      event.currentTarget.setAttribute("aria-pressed", on ? "true" : "false");
      state.limit = PAGE;
      list();
    } },
  }, `${verdict} ${number(totals(verdict))}`)));
  $("search").addEventListener("input", (event) => { state.query = event.target.value; state.limit = PAGE; list(); });
  $("sort").addEventListener("change", (event) => { state.sort = event.target.value; state.limit = PAGE; list(); });
  $("more").addEventListener("click", () => { state.limit += PAGE; list(); });
  $("theme").addEventListener("click", theme);
  $("keys").addEventListener("click", () => $("help").showModal());
  list();
  const [wanted, view] = location.hash.slice(1).split("/");
  const found = data.functions.findIndex((f) => f.id.function === decodeURIComponent(wanted ?? ""));
  open(found >= 0 ? found : rows[0] ?? -1);
  if (found >= 0 && TABS.some(([id]) => id === view)) tab(view);
})();
