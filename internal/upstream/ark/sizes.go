package ark

// The sizes that the documentation recommends, by ratio.

// tiers gives the tables of 4.0, 4.5 and 5.0, which share theirs.
func tiers(names ...string) map[string]map[string]string {
	all := map[string]map[string]string{"1K": sizes1K(), "2K": sizes2K(), "3K": sizes3K(), "4K": sizes4K()}
	out := map[string]map[string]string{}
	for _, name := range names {
		out[name] = all[name]
	}
	return out
}

func tiersPro() map[string]map[string]string {
	return map[string]map[string]string{"1K": sizesPro1K(), "2K": sizesPro2K()}
}

func sizes1K() map[string]string {
	return map[string]string{
		"1:1": "1024x1024", "4:3": "1152x864", "3:4": "864x1152",
		"16:9": "1280x720", "9:16": "720x1280",
		"3:2": "1248x832", "2:3": "832x1248", "21:9": "1512x648",
	}
}

// sizes3 are those of seedream-3.0, which knows no tiers.
func sizes3() map[string]string { return sizes1K() }

func sizes2K() map[string]string {
	return map[string]string{
		"1:1": "2048x2048", "4:3": "2304x1728", "3:4": "1728x2304",
		"16:9": "2848x1600", "9:16": "1600x2848",
		"3:2": "2496x1664", "2:3": "1664x2496", "21:9": "3136x1344",
	}
}

func sizes3K() map[string]string {
	return map[string]string{
		"1:1": "3072x3072", "4:3": "3456x2592", "3:4": "2592x3456",
		"16:9": "4096x2304", "9:16": "2304x4096",
		"3:2": "3744x2496", "2:3": "2496x3744", "21:9": "4704x2016",
	}
}

func sizes4K() map[string]string {
	return map[string]string{
		"1:1": "4096x4096", "4:3": "4704x3520", "3:4": "3520x4704",
		"16:9": "5504x3040", "9:16": "3040x5504",
		"3:2": "4992x3328", "2:3": "3328x4992", "21:9": "6240x2656",
	}
}

func sizesPro1K() map[string]string {
	return map[string]string{
		"1:1": "1024x1024", "4:3": "1152x864", "3:4": "864x1152",
		"16:9": "1424x800", "9:16": "800x1424",
		"3:2": "1248x832", "2:3": "832x1248", "21:9": "1568x672",
	}
}

func sizesPro2K() map[string]string {
	return map[string]string{
		"1:1": "2048x2048", "4:3": "2368x1776", "3:4": "1776x2368",
		"16:9": "2816x1584", "9:16": "1584x2816",
		"3:2": "2496x1664", "2:3": "1664x2496", "21:9": "3136x1344",
	}
}
