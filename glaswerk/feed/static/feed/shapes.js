// The shapes of the API's answers, for editors and checkers. Nothing runs here.

/**
 * @typedef {{name: string, display_name?: string, avatar?: string|null, followed?: boolean}} Creator
 * @typedef {{url: string, width: number, height: number, bitrate: number, codecs: string}} Rendition
 * @typedef {{likes: number, comments: number, saves: number, shares: number}} Counts
 * @typedef {object} Video
 * @property {string} id
 * @property {string} caption
 * @property {Creator} creator
 * @property {number} duration_ms
 * @property {string} poster
 * @property {string} [color] its average, as CSS spells it
 * @property {number} width
 * @property {number} height
 * @property {string[]} hashtags
 * @property {Rendition[]} renditions
 * @property {string|null} [storyboard] a WebVTT file of stills
 * @property {string|null} [stream] an HLS playlist of the same renditions, for what is long
 * @property {Counts} counts
 * @property {boolean} [liked]
 * @property {boolean} [saved]
 * @property {{id: string|null, title: string, url: string|null}|null} [sound]
 * @property {{kind: "duet"|"stitch"|"sound", name: string, title: string, url: string|null}[]} [credits] what it is made with
 * @property {{lang: string, url: string}[]} [captions] what is said, as WebVTT
 * @property {{duet: boolean, stitch: boolean, sound: boolean}} [allow] what others may make of it
 * @property {string} [published_at]
 * @typedef {{slate: string|null, position: number, value: number, video: Video, at?: number, products?: any[]}} Item a slot, with the slate it came in
 *   and when (`at`, of the page's clock); what it sells (`products`) is for the app that sells
 * @typedef {{slate: string, epoch: string, slots: {position: number, value: number, video: Video}[]}} Slate
 */

export {};
