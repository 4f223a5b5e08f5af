//! OpenRTB 2.x: the request parsed leniently and borrowed, the response written into a reused buffer.
