package policy

// Rush is how many keys a rush has.
const Rush = rush
