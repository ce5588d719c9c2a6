// Files: into the page by an input that CDP fills, uploaded before anything is sent; out of it in parts. Nothing of them passes as one
// string.
//
// What takes long is a job: begun by one call, asked for by others.

const jobs = memory.jobs;
const JOBS_KEPT = 64;
/** Begins a job, unless it is under way or done; its name is that of what it is for. */
function beginJob(name, work) {
  if (jobs.has(name)) return;
  const job = { state: 'pending', value: undefined, error: undefined };
  jobs.set(name, job);
  if (jobs.size > JOBS_KEPT) jobs.delete(jobs.keys().next().value);
  work().then((value) => Object.assign(job, { state: 'done', value }), (error) => Object.assign(job, { state: 'failed', error }));
}

async function endOf(name, waitMs) {
  const end = Date.now() + waitMs;
  while (jobs.get(name)?.state === 'pending' && Date.now() < end) await new Promise((next) => setTimeout(next, LOOK_EVERY_MS));
  const job = jobs.get(name);
  if (!job) throw refusal('refused', `nothing is known of ${name}`);
  if (job.state !== 'failed') return job;
  jobs.delete(name);
  throw refusal(job.error?.kind ?? 'refused', String(job.error?.message ?? job.error));
}

const fileJob = (key) => `upload ${key}`;
const mediaJob = (key) => `download ${key}`;

/** A hidden input for the file of one message; CDP puts the file in. */
function fileInput(key) {
  const input = Object.assign(document.createElement('input'), { type: 'file' });
  remember(memory.inputs, key, input);
  return input;
}

/** Prepares and uploads the file of a message that is to be sent under this key. */
function upload({ key, media, mimetype, filename, waitMs }) {
  need('media_out');
  beginJob(fileJob(key), async () => {
    const given = memory.inputs.get(key)?.files?.[0];
    if (!given) throw refusal('refused', 'the file did not arrive in the page');
    const file = new File([given], filename, { type: mimetype });
    return await uploaded(file, media);
  });
  return uploadEnd({ key, waitMs });
}

async function uploadEnd({ key, waitMs }) {
  const { state } = await endOf(fileJob(key), waitMs);
  if (state === 'done') memory.inputs.delete(key);
  return { isDone: state === 'done' };
}

async function uploaded(file, media) {
  const { OpaqueData, prepRawMedia, mediaObjectOf, uploadMedia, mediaTypes } = need('media_out');
  const how = { asDocument: media === 'document', asSticker: media === 'sticker', isPtt: media === 'voice', asGif: false };
  const prepared = await readByApp(OpaqueData, prepRawMedia, file, how);
  const object = mediaObjectOf(prepared.filehash);
  if (!(prepared.mediaBlob instanceof OpaqueData)) {
    prepared.mediaBlob = await OpaqueData.createFromData(prepared.mediaBlob, prepared.mediaBlob.type);
  }
  object.consolidate(prepared.toJSON());
  prepared.mediaBlob.autorelease();
  const mediaType = mediaTypes?.({ type: prepared.type, isGif: prepared.isGif }) ?? prepared.type;
  const { mediaEntry: entry, kind } = await uploadMedia({ mimetype: prepared.mimetype, mediaObject: object, mediaType });
  if (!entry) throw refusal('refused', `the upload failed (${kind})`);
  const { mediaBlob: _blob, mediaStage: _stage, preview, renderableUrl: _url, ...fields } = prepared.toJSON();
  return {
    ...fields,
    body: preview,
    clientUrl: entry.mmsUrl,
    deprecatedMms3Url: entry.deprecatedMms3Url,
    directPath: entry.directPath,
    mediaKey: entry.mediaKey,
    mediaKeyTimestamp: entry.mediaKeyTimestamp,
    encFilehash: entry.encFilehash,
    uploadhash: entry.uploadHash,
    streamingSidecar: entry.sidecar,
    firstFrameSidecar: entry.firstFrameSidecar,
    size: object.size ?? prepared.size,
  };
}

/** What the app makes of a file; one that it can make nothing of is no such file. */
async function readByApp(OpaqueData, prepRawMedia, file, how) {
  try {
    const data = await OpaqueData.createFromData(file, file.type);
    const prepared = await prepRawMedia(data, how).waitForPrep();
    if (!prepared?.filehash) throw new Error('it has no content');
    return prepared;
  } catch (error) {
    throw refusal('invalid_media', `WhatsApp Web cannot read the file: ${error?.message ?? error}`);
  }
}

/** The fields of a message whose file was uploaded. */
async function mediaFields({ media, caption, filename }, key) {
  const job = jobs.get(fileJob(key));
  if (job?.state !== 'done') throw refusal('refused', 'the file of this message was not uploaded');
  const { value } = job;
  return { ...value, ...(caption ? { caption, isCaptionByUser: true } : {}), ...(media === 'document' ? { filename } : {}) };
}

/** Downloads a message's file into the page's memory. */
function download({ key, waitMs }) {
  const { downloads } = need('media_in');
  beginJob(mediaJob(key), async () => {
    const message = await messageOf(key);
    const { directPath, encFilehash, filehash, mediaKey, mediaKeyTimestamp, type } = message;
    if (!directPath) throw refusal('refused', 'the message has no file, or WhatsApp has it no longer');
    const { signal } = new AbortController();
    const downloadQpl = { addAnnotations() { return this; }, addPoint() { return this; } };
    const about = { directPath, encFilehash, filehash, mediaKey, mediaKeyTimestamp, type, signal, downloadQpl };
    return new Uint8Array(await downloads.downloadAndMaybeDecrypt(about));
  });
  return downloadEnd({ key, waitMs });
}

async function downloadEnd({ key, waitMs }) {
  const { state, value } = await endOf(mediaJob(key), waitMs);
  return { isDone: state === 'done', bytes: value?.length };
}

const AT_ONCE = 0x8000;
/** One part of a downloaded file, in base64. */
function downloadPart({ key, offset, length }) {
  const part = jobs.get(mediaJob(key))?.value?.subarray(offset, offset + length);
  if (!part) throw refusal('refused', 'the file is no longer there');
  let binary = '';
  for (let at = 0; at < part.length; at += AT_ONCE) binary += String.fromCharCode(...part.subarray(at, at + AT_ONCE));
  return btoa(binary);
}

const downloadOver = ({ key }) => void jobs.delete(mediaJob(key));
