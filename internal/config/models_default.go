package config

// DefaultModels is the model table of a configuration that has none: the
// names of the original service, and Ark's own dated ids. The table's models
// all live on one upstream.
func DefaultModels(upstream string) []Model {
	var models []Model
	add := func(kind ModelKind, isDefault bool, name, id string) {
		models = append(models, Model{
			Name: name, Kind: kind, Upstream: upstream, ID: id, Default: isDefault,
			Family: familyOf(kind, id), Thinking: ThinkingDisabled,
		})
	}
	add(ChatModel, true, "doubao", "doubao-seed-2-0-lite-260428")
	add(ImageModel, true, "Seedream 4.0", "doubao-seedream-4-0-250828")
	add(ImageModel, false, "Seedream 4.5", "doubao-seedream-4-5-251128")
	add(ImageModel, false, "Seedream 5.0", "doubao-seedream-5-0-260128")
	add(VideoModel, true, "doubao-video", "doubao-seedance-1-0-pro-250528")
	for _, id := range []string{
		"doubao-seed-2-0-lite-260428", "doubao-seed-2-1-pro-260628",
	} {
		add(ChatModel, false, id, id)
	}
	for _, id := range []string{
		"doubao-seedream-4-0-250828", "doubao-seedream-4-5-251128",
		"doubao-seedream-5-0-260128", "doubao-seedream-5-0-pro-260628",
	} {
		add(ImageModel, false, id, id)
	}
	for _, id := range []string{
		"doubao-seedance-1-0-pro-250528", "doubao-seedance-1-5-pro-251215", "doubao-seedance-2-0-260128",
		"doubao-seedance-2-0-fast-260128", "doubao-seedance-2-5-260628",
	} {
		add(VideoModel, false, id, id)
	}
	return models
}
