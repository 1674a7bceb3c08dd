import type { App, Receiver } from '@slack/bolt';

/**
 * Bolt acknowledges an event before its listeners run, and Slack repeats only what nobody acknowledged: a mention that a killed process had
 * in hand would be lost. Here the ack follows when the listeners are through, and with them the mention is in the queue. A repeat of it is
 * the same command.
 */
export function ackedWhenTaken(receiver: Receiver): Receiver {
	return {
		init: (app) => receiver.init(withLateAcks(app)),
		start: (...args) => receiver.start(...args),
		stop: (...args) => receiver.stop(...args),
	};
}

function withLateAcks(app: App): App {
	const processEvent: App['processEvent'] = async (event) => {
		if (!('event' in event.body)) return app.processEvent(event);
		let acked = false;
		const noted = (): Promise<void> => {
			acked = true;
			return Promise.resolve();
		};
		await app.processEvent({ ...event, ack: noted });
		if (acked) await event.ack();
	};
	return new Proxy(app, {
		get: (target, name): unknown => (name === 'processEvent' ? processEvent : Reflect.get(target, name)),
	});
}
