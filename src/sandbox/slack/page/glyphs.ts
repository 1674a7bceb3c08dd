import { createElement as h, type ReactNode } from 'react';

// Drawn here: a machine without an emoji font still shows the page's own signs.
const PATHS = {
	lock: 'M4 7h8v6H4zM5.5 7V5a2.5 2.5 0 0 1 5 0v2',
	eye: 'M1.5 8S4 3.8 8 3.8 14.5 8 14.5 8 12 12.2 8 12.2 1.5 8 1.5 8zM8 6.3a1.7 1.7 0 1 0 0 3.4 1.7 1.7 0 0 0 0-3.4z',
	bubble: 'M2.5 3h11v8H8l-3 2.5V11H2.5z',
	dots: 'M8 3.2v.1M8 8v.1M8 12.8v.1',
	send: 'M2.5 13.5 14 8 2.5 2.5 4.5 8zM4.5 8H9',
	cross: 'M4 4l8 8M12 4l-8 8',
	back: 'M9.5 3.5 5 8l4.5 4.5',
	half: 'M8 2.2a5.8 5.8 0 1 0 0 11.6zM8 2.2a5.8 5.8 0 0 1 0 11.6M9.5 5.5v5M11.5 6.5v3',
	file: 'M4 1.8h5.5L12 4.5v9.7H4zM9.2 2v2.8H12',
	image: 'M2 3h12v10H2zM2 11l3.5-3.5L9 11l2-2 3 3M11 5.8v.1',
	heart: 'M8 13 2.8 7.8a3 3 0 0 1 4.2-4.3l1 1 1-1a3 3 0 0 1 4.2 4.3z',
	notes:
		'M6 12.3V4l7-1.6v8.2M6 12.3a1.9 1.6 0 1 1-3.8 0 1.9 1.6 0 0 1 3.8 0zM13 10.6a1.9 1.6 0 1 1-3.8 0 1.9 1.6 0 0 1 3.8 0zM6 6.4l7-1.6',
} as const;

export function glyph(name: keyof typeof PATHS): ReactNode {
	return h('svg', { className: 'glyph', viewBox: '0 0 16 16', 'aria-hidden': true }, h('path', { d: PATHS[name] }));
}
