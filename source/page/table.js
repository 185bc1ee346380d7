'use strict';
(() => {
  // Sorting: ascending, descending, the page's own order; what was not measured comes last.
  for (const table of document.querySelectorAll('table.sortable')) {
    const body = table.tBodies[0];
    const heads = [...table.tHead.rows[table.tHead.rows.length - 1].cells];
    const rows = [...body.rows];
    const collator = new Intl.Collator('en', {numeric: true});
    const valueOf = (row, column) => {
      const cell = row.cells[column];
      if (cell.classList.contains('none')) return null;
      return 'value' in cell.dataset ? Number(cell.dataset.value) : cell.textContent;
    };
    const compare = (a, b) =>
        typeof a === 'number' && typeof b === 'number' ? a - b : collator.compare(a, b);
    const sortBy = (column, direction) => {
      heads.forEach((head, i) => head.setAttribute('aria-sort', i === column ? direction : 'none'));
      const sign = direction === 'descending' ? -1 : 1;
      const keyed = rows.map(row => ({row, value: valueOf(row, column)}));
      if (direction !== 'none') {
        keyed.sort((a, b) => {
          if (a.value === null || b.value === null) return (a.value === null) - (b.value === null);
          return sign * compare(a.value, b.value);
        });
      }
      body.append(...keyed.map(entry => entry.row));
    };
    const next = {none: 'ascending', ascending: 'descending', descending: 'none'};
    heads.forEach((head, column) => {
      const button = document.createElement('button');
      button.type = 'button';
      button.append(...head.childNodes);
      head.append(button);
      head.setAttribute('aria-sort', 'none');
      button.addEventListener('click', () => sortBy(column, next[head.getAttribute('aria-sort')]));
    });
  }

  // One tip for reasons and marks, at the keyboard as well as under the pointer.
  const tip = document.createElement('div');
  tip.className = 'tip';
  tip.setAttribute('aria-hidden', 'true');  // the link's own label says the same
  tip.hidden = true;
  document.body.append(tip);
  let told = null;
  const hide = () => { tip.hidden = true; told = null; };
  const show = element => {
    told = element;
    tip.textContent = element.dataset.tip;
    tip.hidden = false;
    const at = element.getBoundingClientRect();
    const size = tip.getBoundingClientRect();
    const left = at.left + at.width / 2 - size.width / 2;
    const above = at.top - size.height - 6;
    tip.style.left = `${Math.max(8, Math.min(left, innerWidth - size.width - 8))}px`;
    tip.style.top = `${above < 8 ? at.bottom + 6 : above}px`;
  };
  for (const element of document.querySelectorAll('.mark, .none a')) {
    const title = element.querySelector('title');
    element.dataset.tip = title ? title.textContent : element.title;
    if (title) title.remove();
    element.removeAttribute('title');
    for (const event of ['mouseenter', 'focus']) element.addEventListener(event, () => show(element));
    for (const event of ['mouseleave', 'blur']) element.addEventListener(event, hide);
  }
  addEventListener('keydown', event => { if (event.key === 'Escape') hide(); });
  addEventListener('scroll', () => { if (told) show(told); }, true);
})();
