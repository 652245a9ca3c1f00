/** What may be said of a recording while its call runs, and from where: the words that rules use. */
export const recordingCommands = ['start', 'stop', 'pause', 'resume', 'tag'] as const;
export type RecordingCommand = (typeof recordingCommands)[number];

/** `api`: HTTP with the token of this product; `link`: an HTTP address made for one call; `sip`: headers of a trusted side; `dtmf`: keys pressed by a party. */
export const commandSources = ['api', 'link', 'sip', 'dtmf'] as const;
export type CommandSource = (typeof commandSources)[number];
