import { z } from 'zod';
import type { Ledger } from '../../alerts/fold.ts';
import type { Act, IncidentEvent, Told } from '../../alerts/incident.ts';

// What lies in Redis was written by us: that it is an object is checked, what it holds is not. An event of a later version has a
// kind that `fold` passes over.
const object = <T>(): z.ZodType<T> => z.custom<T>((value) => typeof value === 'object' && value !== null);

const ledger = object<Ledger>();
const event = object<IncidentEvent>();
const act = object<Act>();
const told = z.array(object<Told>());
const past = z.object({ at: z.number(), took: z.number().optional() });

export const readLedger = (text: string): Ledger => ledger.parse(JSON.parse(text));
export const readEvent = (text: string): IncidentEvent => event.parse(JSON.parse(text));
export const readAct = (text: string): Act => act.parse(JSON.parse(text));
export const readTold = (text: string): Told[] => told.parse(JSON.parse(text));
export const readPast = (text: string): { at: number; took?: number | undefined } => past.parse(JSON.parse(text));

/** What a script answers. */
export const answer = z.array(z.union([z.string(), z.number()]));
