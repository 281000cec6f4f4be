export default {
  extends: ["@commitlint/config-conventional"],
  rules: {
    // Sentences, with names as they are written in code.
    "subject-case": [0],
    "header-max-length": [2, "always", 120],
    "body-max-line-length": [0],
  },
};
