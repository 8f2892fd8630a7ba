// An error whose message is for the visitor. All others are faults of the page or of the browser.
export class ImageError extends Error {}
