'use strict';
(() => {
  const rows = [...document.querySelector('table').tBodies[0].rows];
  const marks = [...document.querySelectorAll('.mark')];

  // Filters hide rows and their marks alike.
  const form = document.querySelector('form');
  const filter = () => {
    const text = form.elements.text.value.trim().toLowerCase();
    const family = form.elements.family.value;
    const architecture = form.elements.architecture.value;
    const shown = new Set();
    for (const row of rows) {
      row.hidden = !(row.textContent.toLowerCase().includes(text) &&
                     (!family || row.dataset.family === family) &&
                     (!architecture || row.dataset.architecture === architecture) &&
                     (!form.elements.accuracy.checked || 'accuracy' in row.dataset));
      if (!row.hidden) shown.add(row.dataset.line);
    }
    for (const mark of marks) mark.classList.toggle('out', !shown.has(mark.dataset.line));
    form.querySelector('output').value = `${shown.size} of ${rows.length} models`;
  };
  form.addEventListener('input', filter);
  form.addEventListener('submit', event => event.preventDefault());
  form.hidden = false;
  filter();
})();
