import { isBigInteger } from './json.ts';
import { MASK, mask } from './mask.ts';

/** A run's conf as it may be shown: what stands under the name of a secret is masked whole, other text for what it holds. */
export function maskConf(conf: unknown): unknown {
	if (typeof conf === 'string') return mask(conf);
	if (typeof conf !== 'object' || conf === null || isBigInteger(conf)) return conf;
	if (Array.isArray(conf)) return conf.map(maskConf);
	return Object.fromEntries(
		Object.entries(conf).map(([key, value]) => [mask(key), namesSecret(key) && holds(value) ? MASK : maskConf(value)]),
	);
}

// Asked of the one list of such names there is.
const namesSecret = (key: string): boolean => mask(`${key}=0123456789`).endsWith(MASK);

const holds = (value: unknown): boolean => value !== null && value !== '' && typeof value !== 'boolean';
