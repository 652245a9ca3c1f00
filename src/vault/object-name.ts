/**
 * Names in the vault: `recordings/2026/11/21/<id>.wav`.
 *
 * A name is 1 to 16 segments joined by `/`. A segment has 1 to 200 of the characters A-Z a-z 0-9 _ . @ + = , : - and
 * does not begin with a dot: so no name leaves the vault, hides in it, or reads as a temporary file, and each is
 * as valid a key in an object store as a path on disk.
 */
const segment = '[A-Za-z0-9_@+=,:-][A-Za-z0-9_.@+=,:-]{0,199}';
const name = new RegExp(`^${segment}(?:/${segment}){0,15}$`);
const lone = new RegExp(`^${segment}$`);

/** Whether `text` is the name of an object or document. */
export const isObjectName = (text: string): boolean => name.test(text);

/** Whether `text` is one segment of such a name: an entry of a folder that belongs to the vault. */
export const isNameSegment = (text: string): boolean => lone.test(text);

/**
 * The folder part of a prefix (`recordings/2026/` of `recordings/2026/1`), empty for the root; undefined when
 * no name begins so.
 */
export function folderOfPrefix(prefix: string): string | undefined {
  const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
  return folder === '' || isObjectName(folder.slice(0, -1)) ? folder : undefined;
}

/** Beside a recording, whatever its format, lies its signed manifest. */
export const manifestName = (objectName: string): string => objectName.replace(/\.[^./]+$/, '.json');
