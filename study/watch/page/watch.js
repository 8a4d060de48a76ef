"use strict";
const WORDS = {
  ru: {
    study: "Исследование", time: "Время", now: "Сейчас обучается", champion: "Итоговая сеть", events: "События",
    curves: "Точность на проверке и длина обучения", arms: "Варианты", at_work: "идёт", idle: "не идёт",
    finished: "закончено", lost: "страница потеряла программу", nothing: "ничего", none_yet: "пока нет",
    used: "израсходовано {used} из {budget}, осталось {left}; закончено обучений: {runs}",
    model: "Сеть", init: "Начало", scope: "Обучается", rates: "Скорости", rung: "Изображений", seeds: "Зёрен",
    validation: "Проверка", test: "Тест", samples: "изображений", loss: "потери", seconds: "с",
    best: "{arm}: {test} на тесте ({images} изображений), {train} на обучающих, после {rung} изображений",
    pretrained: "предобученная", scratch: "с нуля", frozen: "выходной слой", full: "вся сеть",
    uniform: "единая", discriminative: "послойные", none: "–", remaining: "осталось", left: "впереди",
    setup: "подготовка", pretraining: "предобучение", matrix: "варианты", tuning: "подбор", seeds_phase: "повторы",
    side: "побочные опыты", champion_phase: "итоговая сеть", report: "отчёт", draft: "черновик",
  },
  en: {
    study: "Study", time: "Time", now: "In training now", champion: "Champion", events: "Events",
    curves: "Validation accuracy against length of training", arms: "Arms", at_work: "at work", idle: "not at work",
    finished: "finished", lost: "the page has lost the program", nothing: "nothing", none_yet: "none yet",
    used: "used {used} of {budget}, {left} left; runs finished: {runs}",
    model: "Network", init: "Start", scope: "Trained", rates: "Rates", rung: "Samples", seeds: "Seeds",
    validation: "Validation", test: "Test", samples: "samples", loss: "loss", seconds: "s",
    best: "{arm}: {test} on test ({images} images), {train} on training images, after {rung} samples",
    pretrained: "pretrained", scratch: "scratch", frozen: "output layer", full: "whole network",
    uniform: "uniform", discriminative: "layer-wise", none: "–", remaining: "left", left: "to come",
    setup: "setup", pretraining: "pre-training", matrix: "matrix", tuning: "tuning", seeds_phase: "seeds",
    side: "side experiments", champion_phase: "champion", report: "report", draft: "draft",
  },
};
const lang = document.documentElement.lang, words = WORDS[lang] || WORDS.en;
const COLUMNS = ["model", "init", "scope", "rates", "rung", "seeds", "validation", "test"];
const NUMBERS = new Set(["rung", "seeds", "validation", "test"]);
const SHADES = ["#8f9bb3", "#4f7cac", "#3c6e47", "#b08900", "#7a4fa3", "#b3541e", "#a03e5c", "#5f6b6d"];
const at = (id) => document.getElementById(id);
const whole = (value) => value.toLocaleString(lang);
const percent = (value) => (value === null ? "–" : `${(100 * value).toLocaleString(lang, {
  minimumFractionDigits: 1, maximumFractionDigits: 1 })} %`);
const said = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);

function duration(seconds) {
  const total = Math.max(0, Math.round(seconds)), pad = (number) => String(number).padStart(2, "0");
  return `${Math.floor(total / 3600)}:${pad(Math.floor(total / 60) % 60)}:${pad(total % 60)}`;
}

function element(name, text = "", attributes = {}) {
  const made = document.createElement(name);
  made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function drawn(name, attributes, text = "") {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}

/** Names an arm in the words of the page. */
function named(row) {
  const rates = row.scope === "full" ? `, ${words[row.rates]}` : "";
  return `${row.model}, ${words[row.init]}, ${words[row.scope]}${rates}`;
}

/** Draws curves of accuracy against samples (a logarithmic axis): {kind, title, points: [[samples, accuracy]]}. */
function chart(curves, label) {
  const width = 420, height = 240, left = 44, bottom = 28, top = 8, right = 10;
  const points = curves.flatMap((curve) => curve.points);
  const svg = drawn("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
  if (!points.length) return svg;
  const logs = points.map((point) => Math.log2(point[0])), values = points.map((point) => point[1]);
  let low = Math.min(...logs), high = Math.max(...logs);
  if (high - low < 1) { low -= 0.5; high += 0.5; }
  const least = Math.floor(20 * Math.min(...values)) / 20, most = Math.max(least + 0.05, Math.ceil(20 * Math.max(...values)) / 20);
  const x = (samples) => left + (width - left - right) * (Math.log2(samples) - low) / (high - low);
  const y = (value) => height - bottom - (height - bottom - top) * (value - least) / (most - least);
  const step = most - least > 0.3 ? 0.1 : 0.05;
  for (let value = least; value <= most + 1e-9; value += step) {
    svg.append(drawn("line", { class: "grid", x1: left, x2: width - right, y1: y(value), y2: y(value) }));
    svg.append(drawn("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end" }, `${Math.round(100 * value)} %`));
  }
  const every = Math.ceil((high - low) / 6);
  for (let power = 0, samples = 1000; Math.log2(samples) <= high + 0.01; power += 1, samples *= 2)
    if (Math.log2(samples) >= low - 0.01 && power % every === 0)
      svg.append(drawn("text", { x: x(samples), y: height - 8, "text-anchor": "middle" }, whole(samples)));
  for (const curve of curves) {
    const path = curve.points.map((point) => `${x(point[0]).toFixed(1)},${y(point[1]).toFixed(1)}`).join(" ");
    const line = drawn("polyline", { class: `curve ${curve.kind}`, points: path });
    line.append(drawn("title", {}, curve.title));
    svg.append(line);
    for (const point of curve.points) {
      const dot = drawn("circle", { class: curve.kind, cx: x(point[0]), cy: y(point[1]), r: 2.5, fill: "none", "stroke-width": 2 });
      dot.append(drawn("title", {}, `${curve.title}: ${percent(point[1])}, ${whole(point[0])} ${words.samples}`));
      svg.append(dot);
    }
  }
  return svg;
}

function showTime(state) {
  const budget = state.budget || 0, used = Math.min(state.used, budget || state.used);
  const phases = state.phases.filter((phase) => phase.seconds > 0.5);
  const name = (phase) => words[`${phase.name}_phase`] || words[phase.name] || phase.name;
  const told = phases.reduce((sum, phase) => sum + phase.seconds, 0);
  const parts = phases.map((phase, place) => [name(phase), phase.seconds, SHADES[place % SHADES.length]]);
  if (used > told) parts.push([words.now, used - told, "var(--live)"]);
  at("budget").replaceChildren(...parts.map(([title, seconds, shade]) =>
    element("span", "", { title: `${title}: ${duration(seconds)}`, style: `background:${shade};width:${100 * seconds / (budget || 1)}%` })));
  at("budget").setAttribute("aria-valuemax", Math.round(budget));
  at("budget").setAttribute("aria-valuenow", Math.round(used));
  at("budget").setAttribute("aria-label", words.time);
  at("phases").replaceChildren(...parts.map(([title, seconds, shade]) => {
    const item = element("li");
    item.append(element("i", "", { style: `background:${shade}` }), `${title} ${duration(seconds)}`);
    return item;
  }));
  at("clock").textContent = said(words.used, {
    used: duration(used), budget: duration(budget), left: duration(budget - used), runs: whole(state.runs) });
}

function showRunning(state) {
  const items = state.at_work ? state.running.map((task) => {
    const item = element("li", task.name), last = task.points[task.points.length - 1];
    let told = `${whole(Math.round(task.seconds))} ${words.seconds}`;
    if (last) told += `, ${whole(last[0])} ${words.samples}, ${words.loss} ${last[1] === null ? "–" : last[1].toFixed(3)}`;
    item.append(element("br"), element("small", told));
    const judged = task.points.filter((point) => point[2] !== null).map((point) => [point[0], point[2]]);
    if (judged.length > 1) item.append(chart([{ kind: "live", title: task.name, points: judged }], task.name));
    return item;
  }) : [];
  at("running").replaceChildren(...(items.length ? items : [element("li", words.nothing, { class: "none" })]));
}

/** Says what colours and dashes of the curves mean. */
function showKey() {
  const kinds = [["pretrained full", "pretrained"], ["scratch full", "scratch"], ["plain full uniform", "uniform"],
    ["plain full discriminative", "discriminative"], ["plain frozen", "frozen"]];
  at("key").replaceChildren(...kinds.map(([kind, name]) => {
    const item = element("li"), svg = drawn("svg", { viewBox: "0 0 32 10", "aria-hidden": "true" });
    svg.append(drawn("line", { class: `curve ${kind}`, x1: 0, x2: 32, y1: 5, y2: 5 }));
    item.append(svg, words[name]);
    return item;
  }));
}

function showCurves(state) {
  const models = [...new Set(state.curves.map((curve) => curve.model))];
  at("curves").replaceChildren(...models.map((model) => {
    const curves = state.curves.filter((curve) => curve.model === model).map((curve) => ({
      kind: `${curve.init} ${curve.scope} ${curve.rates}`, title: named(curve),
      points: curve.points.filter((point) => point[1] !== null) }));
    const figure = element("figure");
    figure.append(chart(curves, `${words.curves}: ${model}`), element("figcaption", model));
    return figure;
  }));
  if (models.length) showKey();
  else at("curves").textContent = words.none_yet;
  const best = state.champion;
  at("best").hidden = !best;
  if (!best) return;
  at("champion").textContent = said(words.best, { arm: named(best), test: percent(best.test), images: whole(best.images),
    train: percent(best.train), rung: whole(best.rung) });
  at("champion-curve").replaceChildren(chart([{ kind: best.init, title: named(best), points: best.points }], words.champion));
}

function showArms(state) {
  at("head").replaceChildren(...COLUMNS.map((name) =>
    element("th", words[name], { scope: "col", class: NUMBERS.has(name) ? "n" : "" })));
  at("arms").replaceChildren(...state.arms.map((row) => {
    const line = element("tr");
    for (const name of COLUMNS) {
      const value = row[name], share = name === "validation" || name === "test";
      const text = share ? percent(value) : NUMBERS.has(name) ? whole(value) : words[value] || value;
      line.append(name === "model" ? element("th", text, { scope: "row" })
        : element("td", text, { class: NUMBERS.has(name) ? "n" : "" }));
    }
    return line;
  }));
}

function show(state) {
  at("folder").textContent = state.folder;
  document.title = `${words.study}: ${state.folder}`;
  const mood = state.problem || (state.at_work ? words.at_work : state.finished ? words.finished : words.idle);
  if (at("mood").textContent !== mood) at("mood").textContent = mood; // else a screen reader would repeat it
  at("mood").className = state.problem ? "problem" : state.at_work ? "at-work" : "";
  for (const section of document.querySelectorAll("main > section")) section.style.display = state.problem ? "none" : "";
  if (state.problem) return;
  showTime(state);
  showRunning(state);
  showCurves(state);
  showArms(state);
  const events = state.events.map((event) => element("li", event.detail));
  at("events").replaceChildren(...(events.length ? events : [element("li", words.none_yet)]));
}

let before = "";
async function look() {
  try {
    const answer = await fetch(`state.json${location.search}`, { cache: "no-store" });
    if (!answer.ok) throw new Error(answer.statusText);
    const text = await answer.text();
    if (text !== before) show(JSON.parse(text));
    before = text;
  } catch (error) {
    at("mood").textContent = words.lost;
    at("mood").className = "problem";
    before = "";
  }
  setTimeout(look, document.hidden ? 10_000 : 2_000);
}

for (const place of document.querySelectorAll("[data-word]")) place.textContent = words[place.dataset.word];
document.title = words.study;
look();
