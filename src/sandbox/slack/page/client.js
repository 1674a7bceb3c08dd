/** The page's behaviour: fetches parts anew when the workspace says that they changed, and sends what a person does. */

const data = JSON.parse(document.getElementById('data').textContent);
const list = document.getElementById('messages');
const thread = document.getElementById('thread');
const homeTab = document.getElementById('home');
const modalHost = document.getElementById('modal');
const toast = document.getElementById('toast');

// Asking the server ---------------------------------------------------------------------------------------------------

async function part(name) {
	const query = new URLSearchParams({ as: data.as, in: data.in, thread: data.thread, tab: data.tab });
	const response = await fetch(`/part/${name}?${query}`);
	if (!response.ok) throw new Error(`part ${name}: ${response.status}`);
	return response.text();
}

async function act(name, body) {
	const response = await fetch(`/do/${name}`, {
		method: 'POST',
		headers: { 'content-type': 'application/json', 'x-page-token': data.token },
		body: JSON.stringify({ as: data.as, ...body }),
	});
	// The workspace was started anew, and with it the token.
	if (response.status === 403) location.reload();
	const answer = await response.json();
	if (answer.failed) say(data.words.failed);
	else if (!answer.ok && answer.error !== 'reload') say(answer.error);
	return answer;
}

let toastTimer;
function say(text) {
	toast.textContent = text;
	toast.classList.add('shown');
	clearTimeout(toastTimer);
	toastTimer = setTimeout(() => toast.classList.remove('shown'), 5000);
}

/** Runs `work` soon, once for many calls, and again when calls came while it ran. */
function soon(work) {
	let waiting = false;
	let running = false;
	const run = async () => {
		waiting = false;
		running = true;
		try {
			await work();
		} catch (error) {
			console.warn(error);
		} finally {
			running = false;
			if (waiting) setTimeout(() => void run(), 0);
		}
	};
	return () => {
		if (waiting) return;
		waiting = true;
		if (!running) setTimeout(() => void run(), 25);
	};
}

// Lists of messages ---------------------------------------------------------------------------------------------------

function nearEnd(box) {
	return box.scrollHeight - box.scrollTop - box.clientHeight < 120;
}

/** Takes over what is new or changed and leaves the rest of the list alone, the focus included. */
function renew(target, html) {
	if (target === null) return;
	const box = target.closest('.scroll');
	const follow = nearEnd(box);
	const next = document.createElement('template');
	next.innerHTML = html;
	const old = new Map([...target.children].map((item) => [item.dataset.key, item]));
	let place = target.firstElementChild;
	// A copy: the live list shrinks as its items move over.
	for (const item of Array.from(next.content.children)) {
		const known = old.get(item.dataset.key);
		old.delete(item.dataset.key);
		if (known !== undefined && known.dataset.rev === item.dataset.rev) {
			if (known !== place) target.insertBefore(known, place);
			else place = place.nextElementSibling;
			continue;
		}
		const focused = known?.contains(document.activeElement) ? document.activeElement.dataset.action : undefined;
		const edited = known !== undefined && known.dataset.rev.split('-')[0] !== item.dataset.rev.split('-')[0];
		if (edited) item.classList.add('changed');
		if (known !== undefined) {
			if (known === place) place = place.nextElementSibling;
			known.remove();
		}
		target.insertBefore(item, place);
		prepare(item);
		if (focused) item.querySelector(`[data-action="${CSS.escape(focused)}"]`)?.focus();
	}
	for (const item of old.values()) item.remove();
	if (follow) box.scrollTop = box.scrollHeight;
}

const refreshMessages = soon(async () => {
	if (list !== null) renew(list, await part('messages'));
	markSeen();
});
const refreshThread = soon(async () => {
	if (thread !== null) renew(thread, await part('thread'));
});
const refreshSidebar = soon(async () => {
	document.getElementById('sidebar').innerHTML = await part('sidebar');
	markSeen();
});
const refreshBanners = soon(async () => {
	document.getElementById('banners').innerHTML = await part('banners');
});
const refreshHome = soon(async () => {
	if (homeTab === null) return;
	homeTab.innerHTML = await part('home');
	prepare(homeTab);
});

// Unread channels -----------------------------------------------------------------------------------------------------

function seenKey(channel) {
	return `seen:${data.as}:${channel}`;
}

function markSeen() {
	for (const entry of document.querySelectorAll('#sidebar a[data-channel]')) {
		const { channel, last } = entry.dataset;
		if (channel === data.in) sessionStorage.setItem(seenKey(channel), last);
		const seen = sessionStorage.getItem(seenKey(channel)) ?? '';
		entry.classList.toggle('unread', channel !== data.in && last !== '' && last > seen);
	}
}

// Modals --------------------------------------------------------------------------------------------------------------

const refreshModal = soon(async () => {
	const html = await part('modal');
	const open = modalHost.querySelector('dialog');
	if (html === '') {
		open?.close();
		modalHost.replaceChildren();
		return;
	}
	const next = document.createElement('template');
	next.innerHTML = html;
	const dialog = next.content.firstElementChild;
	if (open !== null && open.dataset.rev === dialog.dataset.rev) return;
	const same = open !== null && open.dataset.view === dialog.dataset.view;
	const typed = same ? fieldsOf(open) : undefined;
	const focused = same ? document.activeElement?.closest('[data-action]')?.dataset.action : undefined;
	const scrolled = same ? open.querySelector('.modal-body').scrollTop : 0;
	modalHost.replaceChildren(dialog);
	showModal(dialog);
	if (typed !== undefined) putBack(dialog, typed);
	dialog.querySelector('.modal-body').scrollTop = scrolled;
	const wrong = dialog.querySelector('.has-error');
	const target =
		wrong?.querySelector('input, select, textarea') ??
		(focused ? dialog.querySelector(`[data-action="${CSS.escape(focused)}"]`) : undefined);
	const field = target?.matches('input, select, textarea, button') ? target : target?.querySelector('input, button');
	field?.focus();
});

function showModal(dialog) {
	prepare(dialog);
	dialog.showModal();
	// Left alone, the browser would begin at the closing cross.
	dialog.querySelector('.modal-body :is(input, select, textarea)')?.focus();
	dialog.addEventListener('cancel', (event) => {
		event.preventDefault();
		void act('close', { viewId: dialog.dataset.view });
	});
	dialog.querySelector('form').addEventListener('submit', async (event) => {
		event.preventDefault();
		const button = dialog.querySelector('[type=submit]');
		if (button === null || button.disabled) return;
		button.disabled = true;
		button.classList.add('busy');
		try {
			await act('submit', { viewId: dialog.dataset.view, values: valuesIn(dialog) });
		} finally {
			button.disabled = false;
			button.classList.remove('busy');
		}
	});
}

// Values of fields ----------------------------------------------------------------------------------------------------

function fieldsIn(scope) {
	return [...scope.querySelectorAll('[data-action][data-kind]')].filter(
		(field) => !/button|overflow/.test(field.dataset.kind),
	);
}

function valueOf(field) {
	if (field.classList.contains('search')) {
		const chosen = JSON.parse(field.dataset.chosen).map((one) => one.value);
		return field.dataset.kind.startsWith('multi') ? chosen : (chosen[0] ?? null);
	}
	if (field.classList.contains('choices')) {
		const chosen = [...field.querySelectorAll('input:checked')].map((one) => one.value);
		return field.dataset.kind === 'radio_buttons' ? (chosen[0] ?? null) : chosen;
	}
	if (field.type === 'datetime-local') {
		const at = new Date(field.value).getTime();
		return Number.isNaN(at) ? null : Math.floor(at / 1000);
	}
	return field.value === '' ? null : field.value;
}

function valuesIn(scope) {
	return Object.fromEntries(
		fieldsIn(scope).map((field) => [`${field.dataset.block}/${field.dataset.action}`, valueOf(field)]),
	);
}

function fieldsOf(dialog) {
	return new Map(
		fieldsIn(dialog).map((field) => [
			`${field.dataset.block}/${field.dataset.action}/${field.dataset.kind}`,
			{
				value: field.value,
				chosen: field.dataset.chosen,
				search: field.querySelector?.('input[role=combobox]')?.value,
				checked: [...(field.querySelectorAll?.('input:checked') ?? [])].map((one) => one.value),
			},
		]),
	);
}

function putBack(dialog, typed) {
	for (const field of fieldsIn(dialog)) {
		const before = typed.get(`${field.dataset.block}/${field.dataset.action}/${field.dataset.kind}`);
		if (before === undefined) continue;
		if (field.classList.contains('search')) {
			field.dataset.chosen = before.chosen;
			field.querySelector('input').value = before.search;
			showTags(field);
		} else if (field.classList.contains('choices'))
			for (const input of field.querySelectorAll('input')) input.checked = before.checked.includes(input.value);
		else if ('value' in field) field.value = before.value;
	}
}

// Elements that act ---------------------------------------------------------------------------------------------------

/** Where an element stands: a message, a modal or the Home tab. */
function placeOf(element) {
	const view = element.closest('[data-view]');
	if (view !== null) return { viewId: view.dataset.view, values: valuesIn(view) };
	const message = element.closest('.message');
	return { channel: message.dataset.channel, ts: message.dataset.ts, values: valuesIn(message) };
}

async function click(element, value) {
	const { action, block, confirm } = element.dataset;
	if (confirm !== undefined && !(await confirmed(JSON.parse(confirm)))) return;
	const place = placeOf(element);
	element.classList.add('busy');
	try {
		await act('click', { ...place, actionId: action, blockId: block, ...(value === undefined ? {} : { value }) });
	} finally {
		element.classList.remove('busy');
	}
}

function confirmed({ title, text, yes, no, danger }) {
	return new Promise((resolve) => {
		const dialog = document.createElement('dialog');
		dialog.className = 'modal confirm';
		const heading = document.createElement('h2');
		heading.textContent = title;
		const words = document.createElement('p');
		words.textContent = text;
		const refuse = document.createElement('button');
		refuse.className = 'button button-large';
		refuse.textContent = no || data.words.cancel;
		const accept = document.createElement('button');
		accept.className = `button button-large ${danger ? 'button-danger-full' : 'button-primary'}`;
		accept.textContent = yes;
		const footer = document.createElement('footer');
		footer.append(refuse, accept);
		dialog.append(heading, words, footer);
		const end = (answer) => {
			dialog.close();
			dialog.remove();
			resolve(answer);
		};
		refuse.addEventListener('click', () => end(false));
		accept.addEventListener('click', () => end(true));
		dialog.addEventListener('cancel', () => end(false));
		document.body.append(dialog);
		dialog.showModal();
		accept.focus();
	});
}

document.addEventListener('click', (event) => {
	const target = event.target;
	for (const menu of document.querySelectorAll('details.overflow[open]'))
		if (!menu.contains(target)) menu.removeAttribute('open');
	const button = target.closest('button, a');
	if (button === null) return;
	if (button.dataset.close !== undefined) void act('close', { viewId: button.closest('[data-view]').dataset.view });
	else if (button.dataset.invite !== undefined) void act('invite', { channel: button.dataset.invite });
	else if (button.dataset.try !== undefined) tryOut(button.dataset.try);
	else if (button.dataset.shortcut !== undefined) {
		const { channel, ts } = button.closest('.message').dataset;
		button.closest('details').removeAttribute('open');
		void act('shortcut', { callbackId: button.dataset.shortcut, channel, ts });
	} else if (button.dataset.action !== undefined) {
		// A button with an address opens it and is told to the app all the same.
		button.closest('details.overflow')?.removeAttribute('open');
		void click(button, button.dataset.value ?? (button.value || undefined));
	} else if (button.id === 'theme') {
		const dark = matchMedia('(prefers-color-scheme: dark)').matches;
		const now = document.documentElement.dataset.theme ?? (dark ? 'dark' : 'light');
		const url = new URL(location.href);
		url.searchParams.set('theme', now === 'dark' ? 'light' : 'dark');
		location.assign(url);
	}
});

document.addEventListener('change', (event) => {
	const field = event.target.closest('[data-dispatch][data-kind]');
	if (field === null || field.classList.contains('search') || field.dataset.kind.endsWith('input')) return;
	const value = valueOf(field);
	void click(field, value ?? '');
});

document.addEventListener('keydown', (event) => {
	const field = event.target.closest?.('input[data-dispatch][data-kind$=input]');
	if (field === null || field === undefined || event.key !== 'Enter') return;
	event.preventDefault();
	void click(field, field.value);
});

// Fields that search --------------------------------------------------------------------------------------------------

function prepare(scope) {
	for (const field of scope.querySelectorAll('input[data-epoch]')) {
		if (field.dataset.epoch === '') continue;
		const at = new Date(Number(field.dataset.epoch) * 1000);
		field.value = new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
	}
	for (const field of scope.querySelectorAll('.search')) prepareSearch(field);
	for (const table of scope.querySelectorAll('.table[data-page-size]')) prepareTable(table);
}

function showTags(field) {
	if (!field.dataset.kind.startsWith('multi')) return;
	const tags = field.querySelector('.tags');
	tags.replaceChildren(
		...JSON.parse(field.dataset.chosen).map((one) => {
			const tag = document.createElement('button');
			tag.type = 'button';
			tag.className = 'tag';
			tag.textContent = `${one.text} ✕`;
			tag.addEventListener('click', () => {
				const rest = JSON.parse(field.dataset.chosen).filter((other) => other.value !== one.value);
				field.dataset.chosen = JSON.stringify(rest);
				showTags(field);
			});
			return tag;
		}),
	);
}

let menus = 0;

function prepareSearch(field) {
	const input = field.querySelector('input');
	const menu = field.querySelector('.menu');
	const many = field.dataset.kind.startsWith('multi');
	menu.id = `menu-${(menus += 1)}`;
	input.setAttribute('aria-controls', menu.id);
	let asked = 0;
	let timer;
	showTags(field);

	const hide = () => {
		menu.hidden = true;
		input.setAttribute('aria-expanded', 'false');
	};
	const choose = (choice) => {
		const before = many ? JSON.parse(field.dataset.chosen) : [];
		const next = before.some((one) => one.value === choice.value) ? before : [...before, choice];
		field.dataset.chosen = JSON.stringify(next);
		input.value = many ? '' : choice.text;
		showTags(field);
		hide();
		input.focus();
		if (field.dataset.dispatch !== undefined) void click(field, valueOf(field));
	};
	const ask = async () => {
		const query = input.value === JSON.parse(field.dataset.chosen)[0]?.text ? '' : input.value;
		if (query.length < Number(field.dataset.min)) return hide();
		const mine = (asked += 1);
		const { action, block } = field.dataset;
		const answer = await act('suggest', { ...placeOf(field), actionId: action, blockId: block, query });
		if (mine !== asked || document.activeElement !== input) return;
		const choices = answer.choices ?? [];
		menu.replaceChildren(
			...choices.map((choice, i) => {
				const option = document.createElement('button');
				option.type = 'button';
				option.tabIndex = -1;
				option.id = `${menu.id}-${i}`;
				option.setAttribute('role', 'option');
				option.textContent = choice.text;
				if (choice.description !== undefined) {
					const about = document.createElement('small');
					about.textContent = choice.description;
					option.append(about);
				}
				// Before the input loses the focus, which hides the menu.
				option.addEventListener('mousedown', (event) => {
					event.preventDefault();
					choose(choice);
				});
				return option;
			}),
		);
		if (choices.length === 0) {
			const none = document.createElement('p');
			none.textContent = data.words.noMatches;
			menu.append(none);
		}
		menu.hidden = false;
		input.setAttribute('aria-expanded', 'true');
		point(menu, 0, input);
	};
	input.addEventListener('focus', () => {
		input.select();
		void ask();
	});
	input.addEventListener('input', () => {
		clearTimeout(timer);
		timer = setTimeout(() => void ask(), 120);
	});
	input.addEventListener('blur', () => {
		hide();
		// What was typed but not chosen does not count.
		if (!many) input.value = input.value === '' ? '' : (JSON.parse(field.dataset.chosen)[0]?.text ?? '');
		if (!many && input.value === '') field.dataset.chosen = '[]';
	});
	input.addEventListener('keydown', (event) => {
		if (event.key === 'Escape' && !menu.hidden) {
			event.preventDefault();
			event.stopPropagation();
			hide();
		} else steer(event, menu, input, (option) => option.dispatchEvent(new MouseEvent('mousedown')));
	});
}

function point(menu, at, input) {
	const options = [...menu.querySelectorAll('[role=option]')];
	options.forEach((option, i) => option.setAttribute('aria-selected', String(i === at)));
	options[at]?.scrollIntoView({ block: 'nearest' });
	if (options[at]?.id) input.setAttribute('aria-activedescendant', options[at].id);
}

/** Arrow keys, Enter and Tab in an open menu. True when the key was used up. */
function steer(event, menu, input, take) {
	if (menu.hidden || event.isComposing) return false;
	const options = [...menu.querySelectorAll('[role=option]')];
	const now = options.findIndex((option) => option.getAttribute('aria-selected') === 'true');
	if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
		const step = event.key === 'ArrowDown' ? 1 : options.length - 1;
		point(menu, (now + step + options.length) % Math.max(1, options.length), input);
	} else if ((event.key === 'Enter' || event.key === 'Tab') && options[now] !== undefined) take(options[now]);
	else return false;
	event.preventDefault();
	return true;
}

/** Slack shows long tables page by page. */
function prepareTable(table) {
	const rows = [...table.querySelectorAll('tbody tr')];
	const size = Number(table.dataset.pageSize);
	if (rows.length <= size) return;
	let from = 0;
	const label = document.createElement('span');
	const back = document.createElement('button');
	const forth = document.createElement('button');
	const show = () => {
		rows.forEach((row, i) => (row.hidden = i < from || i >= from + size));
		label.textContent = `${data.words.rows} ${from + 1}–${Math.min(from + size, rows.length)} / ${rows.length}`;
		back.disabled = from === 0;
		forth.disabled = from + size >= rows.length;
	};
	for (const [button, sign, step] of [
		[back, '‹', -size],
		[forth, '›', size],
	]) {
		button.type = 'button';
		button.textContent = sign;
		button.setAttribute('aria-label', sign);
		button.addEventListener('click', () => {
			from += step;
			show();
		});
	}
	const pager = document.createElement('div');
	pager.className = 'pager';
	pager.append(back, label, forth);
	table.append(pager);
	show();
}

// The composer --------------------------------------------------------------------------------------------------------

function fit(area) {
	area.style.height = 'auto';
	area.style.height = `${Math.min(area.scrollHeight + 2, 220)}px`;
}

/** The part of a hint that is typed as it stands: `/dag trigger ` of `/dag trigger <dag> [key=value …]`. */
function headOf(hint) {
	const at = hint.search(/ [<[{]/);
	return at < 0 ? hint : hint.slice(0, at + 1);
}

function prepareComposer(form) {
	const area = form.querySelector('textarea');
	const menu = form.querySelector('.hints');
	const inThread = form.dataset.thread;
	const past = [];
	let back = 0;

	const hide = () => (menu.hidden = true);
	const offer = () => {
		const text = area.value;
		const mention = /(^|\s)@(\S*)$/.exec(text.slice(0, area.selectionStart));
		let offers = [];
		if (text.startsWith('/') && inThread === undefined && !text.includes('\n')) {
			const known = data.hints.map((one) => ({ ...one, put: headOf(one.text) }));
			offers = known.filter((one) => one.put.startsWith(text) && one.put.trimEnd() !== text.trimEnd());
			// Once the verb stands, its arguments stay in sight.
			if (offers.length === 0)
				offers = known
					.filter((one) => `${text} `.startsWith(`${one.put.trimEnd()} `))
					.map((one) => ({ ...one, known: true }));
		} else if (mention !== null) {
			const start = area.selectionStart - mention[2].length;
			offers = data.people
				.filter((one) => `${one.name} ${one.about}`.toLowerCase().includes(mention[2].toLowerCase()))
				.map((one) => ({
					text: `@${one.name}`,
					about: one.about,
					put: `${text.slice(0, start)}${one.name} ${text.slice(area.selectionStart)}`,
				}));
		}
		menu.replaceChildren(
			...offers.map((one) => {
				const option = document.createElement('button');
				option.type = 'button';
				option.tabIndex = -1;
				if (one.known) option.disabled = true;
				else option.setAttribute('role', 'option');
				const name = document.createElement('b');
				name.textContent = one.text;
				const about = document.createElement('small');
				about.textContent = one.about;
				option.append(name, about);
				option.addEventListener('mousedown', (event) => {
					event.preventDefault();
					area.value = one.put;
					fit(area);
					area.focus();
					offer();
				});
				return option;
			}),
		);
		menu.hidden = offers.length === 0;
		// A verb that stands as it is (`watch` beside `watches`) is run by Enter, not completed.
		const whole = data.hints.some((one) => headOf(one.text).trim() === text.trim());
		if (offers.length > 0) point(menu, whole ? -1 : 0, area);
	};
	const send = async () => {
		const text = area.value.trim();
		if (text === '') return;
		if (inThread !== undefined && text.startsWith('/')) return say(data.words.notInThreads);
		area.value = '';
		past.push(text);
		back = past.length;
		hide();
		fit(area);
		form.classList.add('busy');
		const box = form.parentElement.querySelector('.scroll');
		box.scrollTop = box.scrollHeight;
		try {
			await act('type', { in: data.in, text, ...(inThread === undefined ? {} : { thread: inThread }) });
		} finally {
			form.classList.remove('busy');
		}
	};
	area.addEventListener('input', () => {
		fit(area);
		offer();
	});
	area.addEventListener('focus', offer);
	area.addEventListener('blur', hide);
	area.addEventListener('keydown', (event) => {
		if (event.isComposing) return;
		if (steer(event, menu, area, (one) => one.dispatchEvent(new MouseEvent('mousedown')))) return;
		if (event.key === 'Escape') hide();
		else if (event.key === 'Enter' && !event.shiftKey) {
			event.preventDefault();
			void send();
		} else if (event.key === 'ArrowUp' && (area.value === '' || back < past.length) && past.length > 0) {
			event.preventDefault();
			back = Math.max(0, back - 1);
			area.value = past[back];
			fit(area);
		} else if (event.key === 'ArrowDown' && back < past.length) {
			event.preventDefault();
			back += 1;
			area.value = past[back] ?? '';
			fit(area);
		}
	});
	form.addEventListener('submit', (event) => {
		event.preventDefault();
		void send();
	});
}

function tryOut(text) {
	const area = document.querySelector('main .composer textarea');
	if (area === null) return;
	area.value = text;
	area.focus();
	fit(area);
	if (!text.endsWith(' ')) area.form.requestSubmit();
}

// Life ----------------------------------------------------------------------------------------------------------------

for (const form of document.querySelectorAll('form.composer')) prepareComposer(form);
prepare(document.body);
for (const box of document.querySelectorAll('.scroll')) if (box.id !== 'home') box.scrollTop = box.scrollHeight;
const standing = modalHost.querySelector('dialog');
if (standing !== null) showModal(standing);
else (document.querySelector('aside textarea') ?? document.querySelector('main .composer textarea'))?.focus();
markSeen();

const stream = new EventSource(`/events?as=${encodeURIComponent(data.as)}`);
let toldHome = false;
stream.addEventListener('open', () => {
	// What happened before the line stood, or while it was down, has to be looked at.
	for (const refresh of [refreshMessages, refreshThread, refreshSidebar, refreshBanners, refreshModal, refreshHome])
		refresh();
	if (data.tab === 'home' && !toldHome) void act('home', {});
	toldHome = true;
});
stream.addEventListener('message', (event) => {
	const change = JSON.parse(event.data);
	if (change.kind === 'view') refreshModal();
	else if (change.kind === 'home') refreshHome();
	else if (change.kind === 'sockets') refreshBanners();
	else if (change.kind === 'channel') {
		refreshSidebar();
		refreshBanners();
	} else if (change.channel === data.in) {
		refreshMessages();
		refreshThread();
		refreshSidebar();
	} else refreshSidebar();
});
addEventListener('pagehide', () => stream.close());
