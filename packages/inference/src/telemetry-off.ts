// ONNX Runtime sends usage data to its makers unless this is set before it is loaded.
process.env["ORT_DISABLE_TELEMETRY"] ??= "1";
