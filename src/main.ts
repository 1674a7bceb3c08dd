import { enableCompileCache } from 'node:module';

// Before anything else is read: the cache holds the files with their types already taken off, which saves a third of the
// start and 30 MB for the life of the process. Where it cannot be written, nothing changes.
enableCompileCache();
await import('./run.ts');
